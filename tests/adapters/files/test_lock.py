from __future__ import annotations

import json
from pathlib import Path

import pytest

from learnflow_kafka.adapters.files import lock
from learnflow_kafka.adapters.files.read import Loaded, load
from learnflow_kafka.errors import CatalogError, Problem

V1 = "{type: object, required: [id], properties: {id: {type: string}, n: {type: integer}}}"


def write(folder: Path, *versions: str, rule: str = "backward") -> Path:
    listed = ", ".join(f"{n}: {schema}" for n, schema in enumerate(versions, 1))
    file = folder / "c.yaml"
    file.write_text(
        "version: 1\nevents:\n  e:\n"
        f"    compatibility: {rule}\n    versions: {{{listed}}}\n"
        "topics: {t: {partitions: 1, event: e}}\n",
        encoding="utf-8",
    )
    return file


def publish(file: Path) -> Loaded:
    """Load, and write the lock as `learnflow validate --lock` does."""
    found = load(file)
    extended, _ = lock.extended(found.lock, found.catalog)
    lock.beside(file).write_text(lock.text(extended), encoding="utf-8")
    return found


def problem(file: Path) -> Problem:
    with pytest.raises(CatalogError) as caught:
        load(file)
    (only,) = caught.value.problems
    return only


def test_a_version_that_nobody_published_can_be_used_and_is_named(tmp_path: Path):
    """While an event is written its catalog loads; the next command is said."""
    (unlocked,) = load(write(tmp_path, V1)).unlocked

    assert "e v1 is not in" in unlocked.what
    assert unlocked.instead == f"publish it: learnflow validate {tmp_path}/c.yaml --lock"
    assert publish(tmp_path / "c.yaml").unlocked != ()
    assert load(tmp_path / "c.yaml").unlocked == ()


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        (V1.replace("integer", "string"), "field 'n' was changed"),
        (V1.replace("[id]", "[id, n]"), "field 'n' was changed"),
        (V1.replace(", n: {type: integer}", ""), "field 'n' was removed"),
        (V1.replace("n: {", "m: {type: string}, n: {"), "field 'm' was added"),
        (V1.replace("{type: object", "{title: T, type: object"), "the event itself was changed"),
    ],
)
def test_a_published_version_never_changes(tmp_path: Path, changed: str, what: str):
    """Any change is refused, and the field that changed is named."""
    publish(write(tmp_path, V1))
    found = problem(write(tmp_path, changed))

    assert found.what == f"e v1 is published and must not change: {what}"
    assert found.line == 5
    assert "add version 2" in (found.instead or "")


def test_a_breaking_new_version_is_refused_and_the_field_named(tmp_path: Path):
    """A new version must keep what the published one promised."""
    publish(write(tmp_path, V1))
    found = problem(write(tmp_path, V1, V1.replace("[id]", "[id, n]")))

    assert found.what == "e v2: field 'n' became required"


def test_with_compatibility_none_a_break_is_the_owners_choice(tmp_path: Path):
    """`none` lets any new version in, and still no published one change."""
    publish(write(tmp_path, V1))
    found = load(write(tmp_path, V1, "{type: string}", rule="none"))

    assert len(found.unlocked) == 1


def test_publishing_never_changes_what_is_published(tmp_path: Path):
    """A renewed lock keeps every digest it had."""
    publish(write(tmp_path, V1))
    before = json.loads((tmp_path / "events.lock").read_text())
    publish(write(tmp_path, V1, V1.replace("integer}", "integer}, m: {type: string}")))
    after = json.loads((tmp_path / "events.lock").read_text())

    assert after["events"]["e"]["1"] == before["events"]["e"]["1"]
    assert set(after["events"]["e"]) == {"1", "2"}


def test_a_version_named_for_renewal_may_change(tmp_path: Path):
    """Only naming it opens a published version."""
    publish(write(tmp_path, V1))
    file = write(tmp_path, V1.replace("integer", "string"))
    found = load(file, renew=[("e", 1)])
    _, added = lock.extended(found.lock, found.catalog)

    assert added == (("e", 1),)


def test_a_published_version_cannot_vanish(tmp_path: Path):
    """Topics may still hold events of it."""
    publish(write(tmp_path, V1, V1))
    found = problem(write(tmp_path, V1))

    assert "e v2 is published and is not declared any more" in found.what


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("<<<<<<< HEAD\n", "is not JSON"),
        ("[]", "is not a lock of version 1"),
        ('{"version": 2}', "is not a lock of version 1"),
        ('{"version": 1}', "has no events"),
        ('{"version": 1, "events": {"e": {"1": "sha256:0"}}}', "what is published of 'e'"),
        ("[" * 100_000, "is not"),
    ],
)
def test_a_broken_lock_is_a_problem_and_never_ignored(tmp_path: Path, content: str, what: str):
    """A half-merged lock stops the load: without it nothing would be immutable."""
    file = write(tmp_path, V1)
    (tmp_path / "events.lock").write_text(content)
    found = problem(file)

    assert found.file == str(tmp_path / "events.lock")
    assert what in found.what
    assert "version control" in (found.instead or "")
