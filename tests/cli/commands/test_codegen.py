"""`learnflow codegen`: writes, checks, and never takes somebody's file."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.commands import Learnflow

from learnflow_kafka import events
from learnflow_kafka.app.codegen import MARK

BROKEN = """\
version: 1
name: shop
topics:
  orders: {partitions: 1, event: order.placed}
events:
  order.placed:
    versions:
      1:
        type: object
        properties:
          tags: {type: array, uniqueItems: true}
          odd: {type: string, not: {const: x}}
"""


def test_a_module_is_written_once(learnflow: Learnflow, tmp_path: Path) -> None:
    """The first run writes the file, the second finds it fresh."""
    out = tmp_path / "events.py"
    first, second = learnflow("codegen", "--out", str(out)), learnflow("codegen", "--out", str(out))

    assert (first.code, second.code) == (0, 0)
    assert first.text.startswith(f"wrote {out}")
    assert "is as the catalog has it" in second.text
    assert out.read_text(encoding="utf-8") == Path(events.__file__ or "").read_text(
        encoding="utf-8"
    )


def test_check_tells_a_stale_file(learnflow: Learnflow, tmp_path: Path) -> None:
    """A file that is not what the catalog gives exits 3, with the command that mends it."""
    out = tmp_path / "events.py"
    out.write_text(f"{MARK} long ago\n", encoding="utf-8")
    done = learnflow("codegen", "--out", str(out), "--check")

    assert done.code == 3
    assert f"next: learnflow codegen --out {out}" in done.text
    assert "long ago" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("flag", "code", "state"), [("--check", 3, "stale"), ("--dry-run", 0, "pending")]
)
def test_a_missing_file_is_told_and_not_made(
    learnflow: Learnflow, tmp_path: Path, flag: str, code: int, state: str
) -> None:
    """Neither check nor dry run writes."""
    out = tmp_path / "events.py"
    done = learnflow("codegen", "--out", str(out), flag, "--json")

    assert (done.code, done.json["state"]) == (code, state)
    assert done.json["kind"] == "codegen"
    assert done.json["digest"].startswith("sha256:")
    assert not out.exists()


@pytest.mark.parametrize("content", [b"print('mine')\n", b"", b"\xff\xfe"])
def test_a_file_of_somebody_is_not_overwritten(
    learnflow: Learnflow, tmp_path: Path, content: bytes
) -> None:
    """Only what codegen wrote is written again."""
    out = tmp_path / "mine.py"
    out.write_bytes(content)
    done = learnflow("codegen", "--out", str(out))

    assert done.code == 1
    assert "was not written by codegen" in done.err
    assert out.read_bytes() == content


def test_every_problem_of_the_catalog_is_told(learnflow: Learnflow, tmp_path: Path) -> None:
    """What Python cannot say comes with file, line and the place in the schema."""
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(BROKEN, encoding="utf-8")
    done = learnflow("codegen", "--catalog", str(catalog), "--out", str(tmp_path / "e.py"))

    assert done.code == 1
    assert "error: events.order.placed.versions.1.properties.tags.uniqueItems" in done.err
    assert f"{catalog}:8:" in done.err
    assert "error: events.order.placed.versions.1.properties.odd.not" in done.err
    assert not (tmp_path / "e.py").exists()


def test_a_folder_that_is_not_there_is_one_clear_error(
    learnflow: Learnflow, tmp_path: Path
) -> None:
    """No traceback where the file cannot be written."""
    done = learnflow("codegen", "--out", str(tmp_path / "no" / "events.py"))

    assert done.code == 2
    assert "cannot be written" in done.err
