"""Measurements of whole runs on real Kafka; `python -m bench` runs them all."""
