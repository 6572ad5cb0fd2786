"""Progress as a process of its own; its rows are in $DATABASE."""

import logging
import os

from learnflow_kafka.demo.progress import service
from learnflow_kafka.demo.progress.projection import Projection
from learnflow_kafka.events import CONTRACT
from learnflow_kafka.sdk import App

logging.basicConfig(level=logging.INFO)
projection = Projection(os.environ.get("DATABASE", "progress.db"))
app = App(service.NAME, CONTRACT, sends=service.SENDS)
service.register(app, projection)

if __name__ == "__main__":
    app.run()
    projection.close()
