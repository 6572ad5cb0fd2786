import re
from pathlib import Path
from typing import Any

from tests.core.checks.samples import healthy

from learnflow_kafka.core.catalog import Catalog, Retries, RetryMode, Service, Subscription, Topic
from learnflow_kafka.core.checks import deployment, preflight
from learnflow_kafka.core.checks.check import Check
from learnflow_kafka.core.checks.evidence import Unknown, expectation
from learnflow_kafka.core.checks.table import CHECKS, WRITING, evaluate
from learnflow_kafka.core.findings import Status
from learnflow_kafka.core.plans.desired import resolve


def test_names_are_unique_dotted_words():
    """Every check has a name of its own: a group, a dot, and what is checked."""
    names = [check.name for check in CHECKS]

    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+\.[a-z_]+", name) for name in names)
    assert set(names) >= WRITING


def test_a_healthy_cluster_passes_every_check():
    """The sample cluster has nothing to tell."""
    report = evaluate(healthy())

    assert {f.status for f in report.findings} == {Status.OK}
    assert report.healthy()


def test_one_missing_part_leaves_the_other_checks_alone():
    """Topics that could not be read make only the checks of topics not checked."""
    report = evaluate(healthy(topics=Unknown("timed out"), topic_configs=Unknown("timed out")))
    unchecked = {f.name for f in report.findings if f.status is Status.NOT_CHECKED}

    assert {n.partition(".")[0] for n in unchecked} == {"topics", "partitions", "internal"}
    assert report.count(Status.FAILED) == 0
    assert not report.healthy()
    assert report.healthy(allow_unchecked=True)


def test_a_dead_cluster_has_one_failure_and_nothing_that_passed():
    """Where nothing answers, one check fails and no other claims to know."""
    silence = Unknown("no broker answers")
    parts = ("cluster", "addresses", "quorum", "topics", "topic_configs", "broker_configs")
    report = evaluate(healthy(records=silence, **dict.fromkeys(parts, silence)))

    assert report.count(Status.FAILED) == 1
    assert report.count(Status.OK) == 0
    assert not report.healthy(allow_unchecked=True)


def test_what_the_user_left_out_does_not_count():
    """Reading only is a wish, not a fault."""
    report = evaluate(healthy(records=Unknown("asked to read only")))

    assert not report.healthy()
    assert report.healthy(left_out=WRITING)


def test_groups_are_expected_on_what_they_read():
    """A group reads its topic and its retry topics, and not its dead letters."""
    retries = Retries(attempts=1, mode=RetryMode.TOPICS)
    service = Service("tutor", consumes=(Subscription("orders", "tutor", retries=retries),))
    catalog = Catalog("shop", {"orders": Topic("orders", 1)}, services={"tutor": service})
    expected = expectation(catalog, resolve(catalog))

    assert set(expected.groups) == {"orders", "orders.tutor.retry.1"}
    assert "orders.tutor.dlt" in expected.topics


def test_the_reference_names_every_check_and_its_question():
    """docs/reference/findings.md has each check once, in order, with its question."""
    page = (Path(__file__).parents[3] / "docs/reference/findings.md").read_text(encoding="utf-8")
    told = re.findall(r"^### `(.+)`\n\n(.+)$", page, re.MULTILINE)
    checks: tuple[Check[Any], ...] = (*CHECKS, *deployment.CHECKS, *preflight.CHECKS)

    assert told == [(check.name, check.question) for check in checks]
