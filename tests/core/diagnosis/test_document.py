"""Evidence saved and read back; no secret in it; and no rule that any evidence could break."""

import json
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.diagnosis import graphs as g
from tests.core.diagnosis.faults import FAULTS
from tests.core.diagnosis.odd import odd

from learnflow_kafka.core.diagnosis.document import from_document, to_document
from learnflow_kafka.core.diagnosis.evidence import Evidence
from learnflow_kafka.core.diagnosis.ranking import ranked
from learnflow_kafka.core.diagnosis.signs import LONGEST, PER_SIGN, Sign, blotted, signs
from learnflow_kafka.core.diagnosis.table import RULES, diagnose
from learnflow_kafka.errors import UsageError


@pytest.mark.parametrize(("rule", "fault"), FAULTS, ids=[f.__name__ for _, f in FAULTS])
def test_saved_evidence_comes_back_as_it_was(rule: str, fault: g.Fault):
    """A document gives an equal value, so a colleague's diagnosis is the same."""
    seen = fault()
    text = json.dumps(to_document(seen))

    assert from_document(json.loads(text), where="evidence.json") == seen


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([], "not the evidence"),
        ({"kind": "plan", "version": 1}, "not the evidence"),
        ({"kind": "evidence", "version": 2}, "version 2"),
        ({"kind": "evidence", "version": 1, "pods": 3}, "damaged"),
    ],
)
def test_another_file_is_refused_with_the_reason(found: object, said: str):
    """What is no evidence of this version says so, and how to get some."""
    with pytest.raises(UsageError, match=said) as caught:
        from_document(found, where="evidence.json")

    assert caught.value.fix is not None
    assert "--save" in caught.value.fix


def test_a_log_keeps_its_telling_lines_and_nothing_else():
    """Lines that name no cause are dropped; those that do are few, short and blotted."""
    lines = [
        "order 4711 of Ada Lovelace, card 4111-1111",
        *("java.io.IOException: No space left on device " + "x" * 900 for _ in range(9)),
        "ConfigException: Invalid value sasl.jaas.config = Plain username=a password=hunter2;",
        "org.apache.kafka.common.config.ConfigException: ssl.keystore.password=geheim is wrong",
    ]
    kept = list(signs(lines, pod="kafka-0"))

    assert {s.sign for s in kept} == {Sign.DISK_FULL, Sign.CONFIG}
    assert sum(s.sign is Sign.DISK_FULL for s in kept) <= PER_SIGN
    assert all(len(s.line) <= LONGEST for s in kept)
    told = " ".join(s.line for s in kept)
    assert not any(word in told for word in ("Lovelace", "hunter2", "geheim"))


@pytest.mark.parametrize(
    "text",
    [
        "password=geheim",
        "ssl.keystore.password: geheim",
        'passwd="geheim"',
        "token = geheim",
        "client_secret=geheim,",
        "sasl.jaas.config=Scram username=u password=geheim;",
        "https://user:geheim@registry.example.com/image",
    ],
)
def test_what_looks_like_a_secret_is_blotted_out(text: str):
    """A message that quotes a password loses it."""
    assert "geheim" not in blotted(text)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_no_rule_raises_whatever_the_evidence(seed: int):
    """Odd objects, half objects, objects that contradict each other: a diagnosis comes of it."""
    seen = odd(Evidence, Random(seed))
    found = diagnose(seen)

    assert all(cause.about for rule in RULES for cause in rule.judge(seen))
    assert len({id(r.cause) for r in found.causes}) == len(found.causes)
    assert from_document(json.loads(json.dumps(to_document(seen))), where="x") == seen


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_however_faults_meet_every_cause_is_told_once(seed: int):
    """Mixed evidence of several faults: nothing is lost in the ranking, nothing told twice."""
    random, mixed = Random(seed), g.healthy()
    for _, fault in random.sample(FAULTS, 3):
        broken = fault()
        parts = ("pods", "claims", "nodes", "policies", "services", "logs", "kafka")
        changed = {name: getattr(broken, name) for name in random.sample(parts, 4)}
        mixed = replace(mixed, **changed)
    found = [cause for rule in RULES for cause in rule.judge(mixed)]
    told = ranked(found, mixed)

    assert sorted(id(c) for c in found) == sorted(id(r.cause) for r in told)
    assert not told or told[0].of is None
