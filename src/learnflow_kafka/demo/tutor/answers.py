"""
What the tutor says: rules that need no model and no key.

Triage first decides what kind of question it is, then the answer is looked up.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from learnflow_kafka.events import LearningResponse

if TYPE_CHECKING:
    from learnflow_kafka.events import LearningQuery, StruggleDetected

SERVICE: Final = "tutor"


class Kind(StrEnum):
    """What a student wants; also the answer's `response_type`."""

    ENCOURAGEMENT = "encouragement"
    DEBUGGING = "debugging"
    EXPLANATION = "explanation"
    QUESTION = "question"
    """Nothing was recognised: the tutor asks back."""


_STUCK: Final = ("stuck", "don't get it", "don't understand", "give up", "frustrat")
_ERRORS: Final = {
    "NameError": "Python does not know that name yet. Is it spelled as where you defined it?",
    "TypeError": "Two values do not fit together. Print their `type()` and compare.",
    "IndexError": "The list is shorter than you think. Its last index is `len(items) - 1`.",
    "KeyError": "The dictionary has no such key. Ask with `key in d`, or use `d.get(key)`.",
    "SyntaxError": "Python cannot read the line. Look for a missing colon or bracket before it.",
}
_CONCEPTS: Final = {
    "loop": "A loop repeats its block: `for item in items:` runs once for each item.",
    "list": "A list holds values in order: `items = [3, 1, 2]`; `items[0]` is the first.",
    "string": "A string is text. You can loop over it letter by letter: `for c in word:`.",
    "dict": "A dictionary finds a value by its key: `ages['ada']`.",
    "function": "A function is a named piece of work; `return` hands its result back.",
}
_ADVICE: Final = {
    "repeated_error": "The same error came back a few times. Read its last line aloud, slowly.",
    "many_attempts": "Several runs failed in a row. Make the program smaller until it works.",
    "slow_exercise": "This one has taken a while. A walk helps, and so does a smaller example.",
    "low_score": "Some tests fail. Take the first of them and try it by hand.",
    "frustration": "Being stuck is a part of learning. Tell me the first thing that confuses you.",
}


def triage(text: str) -> Kind:
    """What kind of question it is; feelings come before errors, errors before concepts."""
    lowered = text.lower()
    if any(word in lowered for word in _STUCK):
        return Kind.ENCOURAGEMENT
    if any(name.lower() in lowered for name in _ERRORS):
        return Kind.DEBUGGING
    if any(word in lowered for word in _CONCEPTS):
        return Kind.EXPLANATION
    return Kind.QUESTION


def answer(query: LearningQuery) -> LearningResponse:
    """The answer to a question; the same question always gets the same one."""
    kind = triage(query.query)
    return LearningResponse(
        query_id=query.query_id,
        student_id=query.student_id,
        content=_content(kind, query.query.lower()),
        response_type=kind,
        source_service=SERVICE,
    )


def _content(kind: Kind, text: str) -> str:
    match kind:
        case Kind.ENCOURAGEMENT:
            return _ADVICE["frustration"]
        case Kind.DEBUGGING:
            return next(said for name, said in _ERRORS.items() if name.lower() in text)
        case Kind.EXPLANATION:
            return next(said for word, said in _CONCEPTS.items() if word in text)
        case Kind.QUESTION:
            return "Which line of your program is the question about?"


def offer_help(struggle: StruggleDetected) -> LearningResponse:
    """What the tutor says unasked; the struggle's id stands where a query's would."""
    return LearningResponse(
        query_id=struggle.struggle_id,
        student_id=struggle.student_id,
        content=_ADVICE.get(struggle.reason, _ADVICE["frustration"]),
        response_type="help",
        source_service=SERVICE,
    )
