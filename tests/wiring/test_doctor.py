"""How long brokers that are asked side by side are waited for."""

import pytest

from learnflow_kafka.wiring.doctor import AT_LEAST, CONNECT, Company


@pytest.mark.parametrize(
    ("answers", "patience"),
    [
        ([], CONNECT),
        ([0.01], AT_LEAST),
        ([0.01, 0.75], 3.0),
        ([0.75, 0.01], 3.0),
        ([4.0], CONNECT),
    ],
    ids=["nobody answered", "quick", "one was slow", "the slowest counts", "all are slow"],
)
def test_a_broker_is_waited_for_as_its_company_answers(answers: list[float], patience: float):
    """Where the others were quick it has two seconds; where they were slow, its whole time."""
    company = Company()
    for seconds in answers:
        company.answered(seconds)

    assert company.patience() == patience
