"""Plans in files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from learnflow_kafka.core.plans.planfile import from_document, to_document
from learnflow_kafka.errors import PlanUnreadableError, UsageError

if TYPE_CHECKING:
    from learnflow_kafka.core.plans.plan import Plan


def write_plan(plan: Plan, name: str) -> None:
    """
    Save a plan, whole or not at all.

    Raises UsageError where the file cannot be written.
    """
    write_text(json.dumps(to_document(plan), indent=1, ensure_ascii=False) + "\n", name)


def write_text(text: str, name: str) -> None:
    """
    Save a text, whole or not at all.

    Raises UsageError where the file cannot be written.
    """
    file = Path(name)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(file)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UsageError(f"cannot be written: {error.strerror}", where=name) from error


def read_plan(name: str) -> Plan:
    """
    The plan in a file.

    Raises PlanUnreadableError where there is none that this version reads.
    """
    fix = "write one with `learnflow plan --out FILE`"
    try:
        found = json.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanUnreadableError(
            f"cannot be read: {error.strerror}", where=name, fix=fix
        ) from error
    except (ValueError, RecursionError) as error:
        raise PlanUnreadableError("this is not a plan: not JSON", where=name, fix=fix) from error
    return from_document(found, where=name)
