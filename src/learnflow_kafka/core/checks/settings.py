"""Checks of the brokers' own configs that bite later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.checks.evidence import Unknown, known
from learnflow_kafka.core.checks.outcomes import failed, not_checked, passed, warned
from learnflow_kafka.core.ports import Fault
from learnflow_kafka.core.text import counted
from learnflow_kafka.core.units import FOREVER, format_duration

if TYPE_CHECKING:
    from learnflow_kafka.core.checks.evidence import Evidence
    from learnflow_kafka.core.checks.outcomes import Outcome

LONG_ENOUGH_MS: Final = 365 * 86_400_000
"""How long offsets must be kept where records are kept forever, before we stop warning."""


def offsets_kept(evidence: Evidence) -> Outcome:
    """Groups keep their place at least as long as the records that they read are kept."""
    told, silent = _told(evidence, "offsets.retention.minutes")
    retentions = _read_retentions(evidence)
    if not retentions:
        return passed("the catalog declares no group that could lose its place")
    if silent:
        return not_checked(
            "a broker does not tell how long it keeps offsets", silent, _silence_fix(silent)
        )
    kept_ms = min(int(value) for value in told.values()) * 60_000
    lines = [f"broker {b}: offsets.retention.minutes={value}" for b, value in told.items()]
    short = {t: ms for t, ms in retentions.items() if ms != FOREVER and ms > kept_ms}
    if short:
        longest = max(short.values())
        return failed(
            f"offsets are kept for {format_duration(kept_ms)}, records for up to "
            f"{format_duration(longest)}: a group that rests in between loses its place",
            [*lines, *(f"{t}: retention {format_duration(ms)}" for t, ms in short.items())],
            f"set offsets.retention.minutes={-(-longest // 60_000)} on every broker "
            "(server.properties, then a restart)",
        )
    endless = [topic for topic, ms in retentions.items() if ms == FOREVER]
    if endless and kept_ms < LONG_ENOUGH_MS:
        return warned(
            f"offsets are kept for {format_duration(kept_ms)}, and "
            f"{counted(len(endless), 'topic')} with groups keep{'s' * (len(endless) == 1)} "
            "records forever: a group that rests longer starts again from its reset policy",
            [*lines, *(f"{topic}: retention forever" for topic in endless)],
            f"set offsets.retention.minutes={LONG_ENOUGH_MS // 60_000} or more on every broker",
        )
    return passed(f"offsets are kept for {format_duration(kept_ms)}, long enough", lines)


def auto_create_off(evidence: Evidence) -> Outcome:
    """No broker creates a topic because somebody mistyped its name."""
    told, silent = _told(evidence, "auto.create.topics.enable")
    lines = [f"broker {b}: auto.create.topics.enable={value}" for b, value in told.items()]
    on = [b for b, value in told.items() if value.lower() == "true"]
    if on:
        return warned(
            f"{counted(len(on), 'broker')} create{'s' * (len(on) == 1)} any topic that a client "
            "names: a typing error becomes a topic with the broker's defaults",
            lines,
            "set auto.create.topics.enable=false on every broker (server.properties, restart)",
        )
    if silent:
        return not_checked(
            "a broker does not tell whether it creates topics", silent, _silence_fix(silent)
        )
    return passed("no broker creates topics by itself", lines)


def _silence_fix(silent: list[str]) -> str:
    if any("AUTHORIZATION" in line for line in silent):
        return "allow this user DescribeConfigs on the cluster"
    return "see the finding `brokers.answering`"


def _told(evidence: Evidence, key: str) -> tuple[dict[int, str], list[str]]:
    """The config's value by broker, and a line for each broker that does not tell."""
    values: dict[int, str] = {}
    silent: list[str] = []
    for broker, configs in known(evidence.broker_configs).items():
        entry = None if isinstance(configs, Fault) else configs.get(key)
        if entry is not None and entry.value is not None:
            values[broker] = entry.value
        else:
            why = configs if isinstance(configs, Fault) else f"{key} is not among its configs"
            silent.append(f"broker {broker}: {why}")
    if not values and not silent:
        silent.append("no broker told its configs")
    return values, silent


def _read_retentions(evidence: Evidence) -> dict[str, int]:
    """
    How long each topic with declared groups keeps its records: as declared, else as it is.

    A topic that is only compacted keeps the last record of each key forever.
    """
    found: dict[str, int] = {}
    for topic in sorted(evidence.expected.groups):
        configs = _effective(evidence, topic)
        if configs.get("cleanup.policy") == "compact":
            found[topic] = FOREVER
        elif "retention.ms" in configs:
            found[topic] = int(configs["retention.ms"])
    return found


def _effective(evidence: Evidence, topic: str) -> dict[str, str]:
    told = evidence.topic_configs
    live = None if isinstance(told, Unknown) else told.get(topic)
    values = (
        {}
        if live is None or isinstance(live, Fault)
        else {key: entry.value for key, entry in live.items() if entry.value is not None}
    )
    desired = evidence.expected.topics.get(topic)
    return values | dict(desired.config if desired else {})
