import io

from rich.console import Console

from learnflow_kafka.cli.views.findings import as_json, show, summary, unsettled
from learnflow_kafka.core.findings import Finding, Report, Status

REPORT = Report(
    (
        Finding("brokers.registered", Status.OK, "3 brokers of 3 serve", ("broker 1",)),
        Finding("topics.present", Status.FAILED, "1 missing", ("orders: missing",), "apply"),
        Finding("topics.configs", Status.NOT_CHECKED, "not allowed"),
        Finding("brokers.clocks", Status.WARNING, "2 s off", tuple(map(str, range(14)))),
    )
)


def shown(report: Report, *, healthy: bool) -> str:
    """What a person without colour sees."""
    out = io.StringIO()
    show(report, Console(file=out, width=200, markup=False, highlight=False), healthy=healthy)
    return out.getvalue()


def test_every_status_has_a_mark_in_words():
    """Nothing hangs on colour: the four marks are different words."""
    lines = shown(REPORT, healthy=False).splitlines()

    assert lines[0].split()[:2] == ["ok", "brokers.registered"]
    assert [line.split()[0] for line in lines if "topics." in line] == ["FAILED", "unchecked"]
    assert any(line.startswith("warning    brokers.clocks") for line in lines)


def test_a_failure_shows_its_evidence_and_the_next_step():
    """Evidence and fix follow what failed; what passed stays one line."""
    text = shown(REPORT, healthy=False)

    assert "- orders: missing\n" in text
    assert "next: apply\n" in text
    assert "- broker 1" not in text


def test_long_evidence_is_cut_and_says_so():
    """Twelve lines of evidence are enough on a screen."""
    assert "and 2 more (--json has all)" in shown(REPORT, healthy=False)


def test_the_verdict_counts_every_kind():
    """The last line says whether it is healthy, and how many of each kind there are."""
    assert summary(REPORT, healthy=False) == "not healthy: 1 ok, 1 warning, 1 failed, 1 not checked"


def test_json_has_everything():
    """Programs get every finding with all of its evidence."""
    value = as_json(REPORT, healthy=False)

    assert value["kind"] == "report"
    assert value["version"] == 1
    assert value["counts"] == {"ok": 1, "warning": 1, "failed": 1, "not checked": 1}
    assert isinstance(value["findings"], list)
    assert value["findings"][1] == {
        "name": "topics.present",
        "status": "failed",
        "detail": "1 missing",
        "evidence": ["orders: missing"],
        "fix": "apply",
    }


def test_who_waits_sees_the_first_failure():
    """While waiting, the first failure is told before what was not checked."""
    assert unsettled(REPORT) == "topics.present: 1 missing (and 1 more)"
    assert unsettled(Report()) == "nothing"
