from __future__ import annotations

import json
from pathlib import Path

import pytest

from learnflow_kafka.cli.main import run


def test_the_starter_validates_strictly_as_it_is(tmp_path: Path):
    """A new catalog has neither a problem nor a warning, and its event is published."""
    folder = str(tmp_path / "new" / "catalog")

    assert run(["init", folder]) == 0
    assert run(["validate", folder, "--strict"]) == 0


def test_the_starter_shows_the_editor_where_its_schema_is(tmp_path: Path):
    """The first line names a file that was written beside it."""
    run(["init", str(tmp_path)])
    first = (tmp_path / "catalog.yaml").read_text().splitlines()[0]

    assert first == "# yaml-language-server: $schema=catalog.schema.json"
    assert json.loads((tmp_path / "catalog.schema.json").read_text())["title"]


def test_without_a_folder_it_writes_into_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`learnflow init` alone makes ./catalog."""
    monkeypatch.chdir(tmp_path)

    assert run(["init"]) == 0
    assert (tmp_path / "catalog" / "schemas" / "order.placed.v1.json").is_file()


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """One file in the way, and none is written."""
    (tmp_path / "events.lock").write_text("mine")
    code = run(["init", str(tmp_path)])

    assert code == 1
    assert "nothing was written" in capsys.readouterr().err
    assert [f.name for f in tmp_path.iterdir()] == ["events.lock"]


def test_a_dry_run_lists_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """--dry-run names the files."""
    code = run(["init", str(tmp_path / "c"), "--dry-run", "--json"])
    found = json.loads(capsys.readouterr().out)

    assert code == 0
    assert (found["kind"], found["dry_run"], len(found["files"])) == ("init", True, 4)
    assert not (tmp_path / "c").exists()


def test_a_folder_that_cannot_be_written_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """A file where the folder should be gives one clear error."""
    (tmp_path / "c").write_text("x")
    code = run(["init", str(tmp_path / "c")])

    assert code == 2
    assert "cannot be written" in capsys.readouterr().err


def test_an_empty_name_is_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """An unset variable of a script does not write into the folder where it runs."""
    monkeypatch.chdir(tmp_path)
    code = run(["init", ""])

    assert code == 2
    assert "the folder's name is empty" in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]
