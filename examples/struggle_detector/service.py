"""The struggle detector as a process of its own; it remembers in $DATABASE."""

import logging
import os

from learnflow_kafka.demo.struggle_detector import service
from learnflow_kafka.demo.struggle_detector.memory import Memory
from learnflow_kafka.events import CONTRACT
from learnflow_kafka.sdk import App

logging.basicConfig(level=logging.INFO)
memory = Memory(os.environ.get("DATABASE", "struggle_detector.db"))
app = App(service.NAME, CONTRACT, sends=service.SENDS)
service.register(app, memory)

if __name__ == "__main__":
    app.run()
    memory.close()
