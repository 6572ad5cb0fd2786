"""Triage and tutor: a question in, a rule-based answer out."""
