"""The page of the doctor's findings leads to every rule by what people see."""

from docs import doctor_reference
from learnflow_kafka.core.diagnosis.table import RULES


def test_every_rule_is_found_by_what_people_see():
    """The index names all rules, and none that is not there."""
    indexed = {
        name for _, questions in doctor_reference._ASKED for _, names in questions for name in names
    }

    assert indexed == {rule.name for rule in RULES}


def test_what_the_lab_proves_are_rules():
    """No rule that was renamed is still said to be proven."""
    assert {rule.name for rule in RULES} >= doctor_reference.LAB
