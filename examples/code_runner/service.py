"""The code runner as a process of its own."""

import logging

from learnflow_kafka.demo.code_runner import service
from learnflow_kafka.events import CONTRACT
from learnflow_kafka.sdk import App

logging.basicConfig(level=logging.INFO)
app = App(service.NAME, CONTRACT, sends=service.SENDS)
service.register(app)

if __name__ == "__main__":
    app.run()
