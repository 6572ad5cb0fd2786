"""Assigns exercises, has solutions run, and grades them."""
