"""Runs students' Python in a subprocess with limits; no sandbox for hostile code."""
