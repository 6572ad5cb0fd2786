"""Checks by records of our own: each broker takes one and gives it back, and knows the time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.checks.evidence import known
from learnflow_kafka.core.checks.outcomes import failed, not_checked, passed, warned
from learnflow_kafka.core.text import counted

if TYPE_CHECKING:
    from learnflow_kafka.core.checks.evidence import BrokerProof, Evidence
    from learnflow_kafka.core.checks.outcomes import Outcome

SKEW_WARNING_MS: Final = 1_000
"""Beyond it, lag by time and reading from a time are visibly wrong."""

SKEW_FAILURE_MS: Final = 30_000
"""Beyond it, logins by ticket or token and the order of logs cannot be trusted."""


def records_round_trip(evidence: Evidence) -> Outcome:
    """A record written to each broker came back as it was."""
    records = known(evidence.records)
    lines = [f"broker {b}: {_proof(proof)}" for b, proof in records.brokers.items()]
    if records.read_ms is not None:
        lines.append(f"read back in {records.read_ms:.0f} ms")
    broken = [b for b, proof in records.brokers.items() if proof.fault is not None]
    if broken:
        return failed(
            f"no record went through broker {', '.join(map(str, broken))}",
            lines,
            "see `brokers.answering` and `partitions.replicas` first: a write waits for every "
            "replica in sync; then read these brokers' logs",
        )
    skipped = [b for b, proof in records.brokers.items() if proof.skipped is not None]
    if skipped or not records.brokers:
        return not_checked(
            f"not tried on broker {', '.join(map(str, skipped))}" if skipped else "no broker",
            lines,
            _skip_fix(records.brokers[skipped[0]]) if skipped else None,
        )
    slowest = max(proof.write_ms or 0 for proof in records.brokers.values())
    return passed(
        f"a record written and read back on {counted(len(records.brokers), 'broker')}, "
        f"slowest write {slowest:.0f} ms",
        lines,
    )


def clocks_agree(evidence: Evidence) -> Outcome:
    """The brokers' clocks and ours agree."""
    records = known(evidence.records)
    skews = {b: skew for b, p in records.brokers.items() if (skew := skew_ms(p)) is not None}
    lines = [f"broker {b}: {_skew(skew)}" for b, skew in skews.items()]
    worst = max(map(abs, skews.values()), default=0)
    off = [b for b, skew in skews.items() if abs(skew) > SKEW_WARNING_MS]
    if off:
        judge = failed if worst > SKEW_FAILURE_MS else warned
        return judge(
            f"the clock of broker {', '.join(map(str, off))} is up to {worst / 1000:.1f} s off "
            "from this machine's: retention, lag by time and logins go by these clocks",
            lines,
            "run NTP on the brokers and on this machine",
        )
    silent = [b for b in records.brokers if b not in skews]
    if silent or not skews:
        return not_checked(
            f"no time from broker {', '.join(map(str, silent))}" if silent else "no broker",
            [*lines, *(f"broker {b}: {_proof(records.brokers[b])}" for b in silent)],
        )
    return passed(f"clocks agree within {SKEW_WARNING_MS / 1000:.0f} s", lines)


def skew_ms(proof: BrokerProof) -> int | None:
    """
    How far the broker's clock is ahead of ours at least, in milliseconds (negative: behind).

    A stamp between sending and acknowledgement proves nothing wrong, so it is 0.
    """
    if proof.appended_ms is None or proof.sent_ms is None or proof.acked_ms is None:
        return None
    if proof.appended_ms > proof.acked_ms:
        return proof.appended_ms - proof.acked_ms
    return min(proof.appended_ms - proof.sent_ms, 0)


def _proof(proof: BrokerProof) -> str:
    if proof.fault is not None:
        return proof.fault
    if proof.skipped is not None:
        return proof.skipped
    if proof.write_ms is None:
        return "written and read back"
    return f"partition {proof.partition}: written in {proof.write_ms:.1f} ms, read back"


def _skew(skew: int) -> str:
    if skew == 0:
        return "agrees"
    return f"at least {abs(skew)} ms {'ahead of' if skew > 0 else 'behind'} this machine"


def _skip_fix(proof: BrokerProof) -> str:
    if proof.partition is None:
        return "allow this user Create, Describe, Read and Write on the topic `_learnflow.verify`"
    return "allow this user Write and Read on the topic `_learnflow.verify`"
