"""Keeps each student's mastery of each topic: a projection that replay rebuilds."""
