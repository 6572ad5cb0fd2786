"""What a way out prints is about this cluster: its numbers, and values that its chart has."""

import ast
import itertools
import json
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.core.diagnosis import graphs as g
from tests.core.diagnosis.faults import FAULTS

from learnflow_kafka.core.diagnosis import chart, rules
from learnflow_kafka.core.diagnosis.causes import Remedy
from learnflow_kafka.core.diagnosis.evidence import Evidence
from learnflow_kafka.core.diagnosis.objects import ClaimTemplate
from learnflow_kafka.core.diagnosis.roles import Role
from learnflow_kafka.core.diagnosis.rules import zookeeper
from learnflow_kafka.core.diagnosis.table import diagnose

CHART = Path(__file__).parents[3] / "charts" / "learnflow-kafka"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
MODULES = [m.name for m in pkgutil.iter_modules(rules.__path__)]
NOT_THE_CHARTS = frozenset({
    "command", "controller.quorum.voters", "dnsConfig", "dnsPolicy", "hostAliases",
    "security.protocol", "spec.schedulerName", "srvr", "zkServer.sh",
})  # fmt: skip
"""Names in remedies that are Kafka's, Kubernetes' or ZooKeeper's."""


def stopped_ensemble(servers: int) -> Evidence:
    """ZooKeeper scaled to nothing; its claims stayed, and so did the brokers'."""
    base = g.on_zookeeper()
    kept = tuple(g.claim(n, name=f"data-kafka-zookeeper-{n}") for n in range(servers))
    sets = tuple(
        replace(w, wanted=0, created=0, ready=0, claims=(ClaimTemplate("data"),))
        if w.name == "kafka-zookeeper"
        else w
        for w in base.workloads
    )
    return replace(base, zookeeper=(), pods=(), workloads=sets, claims=(*base.claims, *kept))


def start(evidence: Evidence) -> Remedy:
    """The way out of an ensemble that was stopped."""
    found = next(iter(zookeeper.not_serving(evidence)))
    assert found.remedy is not None
    return found.remedy


@pytest.mark.parametrize("servers", [1, 3, 5])
def test_as_many_servers_are_started_as_there_were(servers: int):
    """An ensemble of one that is started as three is three ensembles."""
    command = start(stopped_ensemble(servers)).command

    assert command == (f"kubectl scale statefulset/kafka-zookeeper -n kafka --replicas {servers}")


def test_no_number_is_made_up_where_none_is_known():
    """Without claims nothing tells how many servers there were."""
    assert start(stopped_ensemble(0)).command is None


def is_value(name: str) -> bool:
    """Whether the chart's schema knows a value, given by its whole name."""
    part = SCHEMA
    for key in name.split("."):
        part = SCHEMA["$defs"].get(str(part.get("$ref")).rpartition("/")[2], part)
        if key not in part.get("properties", {}):
            return "properties" not in part and part.get("type") == "object"
        part = part["properties"][key]
    return True


def named(text: str) -> Iterator[str]:
    """The names of values in a sentence or a command: `a.b`, `a.b: c`, --set a.b=c."""
    yield from re.findall(r"`([a-zA-Z][\w.]*)(?:: [^`]*)?`", text)
    yield from re.findall(r"--set(?:-\w+)? ([\w.]+)=", text)


def keys(part: Any, above: str = "") -> Iterator[str]:
    """The whole name of every value in a snippet."""
    if not isinstance(part, dict):
        yield above.rstrip(".")
        return
    for key, below in part.items():
        yield from keys(below, f"{above}{key}.")


def written(module: str) -> Iterator[str]:
    """Every text in the remedies of a module of rules, as it stands in the code."""
    tree = ast.parse((Path(rules.__path__[0]) / f"{module}.py").read_text())
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Remedy":
            yield from (
                n.value
                for n in ast.walk(call)
                if isinstance(n, ast.Constant) and isinstance(n.value, str)
            )


@pytest.mark.parametrize("module", MODULES)
def test_every_value_that_a_rule_writes_is_the_charts(module: str):
    """What a remedy names as a value exists, also where no test makes its fault."""
    found = {name for text in written(module) for name in named(text)} - NOT_THE_CHARTS

    assert [name for name in found if not is_value(name)] == []


@pytest.mark.parametrize("fault", [f for _, f in FAULTS], ids=[f.__name__ for _, f in FAULTS])
def test_every_value_that_a_remedy_prints_is_the_charts(fault: g.Fault):
    """Sentences, commands and snippets of values name what the chart has."""
    remedies = [r.cause.remedy for r in diagnose(fault()).causes if r.cause.remedy]
    texts = [t for r in remedies for t in (r.what, r.command or "")]
    snippets = [r.manifest for r in remedies if "values of the chart" in (r.manifest or "")]
    found = {name for text in texts for name in named(text)} - NOT_THE_CHARTS
    found |= {name for snippet in snippets for name in keys(yaml.safe_load(snippet or ""))}

    assert [name for name in found if not is_value(name)] == []


OWN = (chart.HEAP, chart.RESOURCES, chart.STORAGE_CLASS, chart.NODE_SELECTOR, chart.TOLERATIONS)
NAMES = {v for k, v in vars(chart).items() if k.isupper() and isinstance(v, str)}


@pytest.mark.parametrize(("name", "kind"), [*itertools.product(OWN, Role)])
def test_each_kind_of_node_has_its_values(name: str, kind: Role):
    """A value of controllers or of ZooKeeper exists where theirs is named."""
    assert is_value(chart.value(name, kind))


@pytest.mark.parametrize("name", sorted(NAMES - {*OWN}))
def test_the_values_that_all_kinds_share_exist(name: str):
    """They have one name, at one place."""
    assert is_value(name)


def test_a_value_that_the_chart_has_not_is_found_out():
    """The check of names itself: a key that is misspelt, or at the wrong place, is none."""
    assert is_value("scheduling.nodeSelector.disk")
    assert is_value("resources.requests")
    assert not is_value("tolerations")
    assert not is_value("storage.storageClass")
    assert [*named("set `a.b: soft`, or --set c.d=1")] == ["a.b", "c.d"]
    assert [*keys({"a": {"b": [1]}, "c": 1})] == ["a.b", "c"]
