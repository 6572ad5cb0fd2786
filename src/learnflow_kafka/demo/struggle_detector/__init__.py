"""Notices students who are stuck: a consumer with a memory."""
