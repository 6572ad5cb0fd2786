"""
LearnFlow in small: its five services on the SDK, simulated students, and a show of both.

Each service is a package of two layers: rules, pure and tested without Kafka, and
`service.py`, whose `register(app)` adds thin handlers to an App. `students` says what the
simulated students do, `ledger` whether everything they caused has happened, `stage` runs the
services and reads what flows. Nothing of this is imported by the rest but `learnflow demo`.
"""
