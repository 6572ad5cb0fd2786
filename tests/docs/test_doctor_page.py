"""The page of the doctor's findings leads to every rule by what people see."""

from importlib import import_module
from pathlib import Path

from tests.support.doctor import PROVEN

from docs import doctor_reference
from learnflow_kafka.core.diagnosis.table import RULES

LAB_TESTS = Path(__file__).parents[1] / "e2e" / "lab"


def test_every_rule_is_found_by_what_people_see():
    """The index names all rules, and none that is not there."""
    indexed = {
        name for _, questions in doctor_reference._ASKED for _, names in questions for name in names
    }

    assert indexed == {rule.name for rule in RULES}


def test_what_the_lab_proves_is_what_its_tests_prove():
    """A rule is said to be proven where a test on the lab makes its fault, and only there."""
    for file in sorted(LAB_TESTS.glob("test_*.py")):
        import_module(f"tests.e2e.lab.{file.stem}")

    assert doctor_reference.LAB == PROVEN
    assert {rule.name for rule in RULES} >= PROVEN
