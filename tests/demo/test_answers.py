"""The tutor's rules."""

from __future__ import annotations

import pytest

from learnflow_kafka.demo.struggle_detector.rules import Reason
from learnflow_kafka.demo.tutor.answers import Kind, answer, offer_help, triage
from learnflow_kafka.events import LearningQuery, StruggleDetected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("I'm stuck, what is a loop?", Kind.ENCOURAGEMENT),
        ("My loop says IndexError", Kind.DEBUGGING),
        ("What is a LOOP?", Kind.EXPLANATION),
        ("Why?", Kind.QUESTION),
    ],
)
def test_feelings_come_before_errors_and_errors_before_concepts(text: str, kind: Kind):
    """Triage looks for the most urgent thing first."""
    assert triage(text) is kind


@pytest.mark.parametrize("text", ["I'm stuck", "A KeyError!", "What is a list?", "Hm?"])
def test_every_question_gets_an_answer_of_its_own_id(text: str):
    """The answer carries the query's id and student, and says something."""
    response = answer(LearningQuery(query_id="q", student_id="s", query=text))

    assert (response.query_id, response.student_id) == ("q", "s")
    assert response.content
    assert response.response_type == triage(text)


@pytest.mark.parametrize("reason", Reason)
def test_help_fits_the_reason(reason: Reason):
    """Each reason of the detector has advice of its own."""
    others = {
        offer_help(StruggleDetected(struggle_id="x", student_id="s", reason=r, severity="low"))
        for r in Reason
    }
    struggle = StruggleDetected(struggle_id="x", student_id="s", reason=reason, severity="low")

    assert offer_help(struggle).query_id == "x"
    assert len({response.content for response in others}) == len(Reason)
