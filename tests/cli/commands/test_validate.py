from __future__ import annotations

import json
from pathlib import Path

import pytest

from learnflow_kafka.cli.main import run

EVENT = "{type: object, properties: {id: {type: string}}}"
CATALOG = """\
version: 1
topics:
  orders: {partitions: 3, event: order}
events:
  order:
    versions:
      1: %s
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "c.yaml").write_text(CATALOG % EVENT)
    return tmp_path


def test_without_a_path_the_built_in_catalog_is_checked(capsys: pytest.CaptureFixture[str]):
    """The summary counts declared and derived topics."""
    code = run(["validate"])

    assert code == 0
    assert "valid; 9 declared + 13 derived topics" in capsys.readouterr().out


def test_problems_are_shown_with_their_line_and_a_caret(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    """As compilers do: place, what, the line, a caret, what to write instead."""
    (folder / "c.yaml").write_text("version: 1\ntopics:\n  a: {partitions: 1, ownr: me}\n")
    code = run(["validate", str(folder)])

    assert code == 1
    assert capsys.readouterr().out == (
        f"{folder}/c.yaml:3:22: error: topics.a.ownr: there is no key 'ownr' here\n"
        " 3 |   a: {partitions: 1, ownr: me}\n"
        "   |                      ^^^^\n"
        "   = did you mean 'owner'?\n"
        "\n"
        f"{folder}: 1 problem\n"
    )


def test_problems_for_programs(folder: Path, capsys: pytest.CaptureFixture[str]):
    """JSON has the same problems, field by field."""
    (folder / "c.yaml").write_text("version: 1\ntopics: {a: {}}\n")
    code = run(["validate", "--catalog", str(folder / "c.yaml"), "--json"])
    found = json.loads(capsys.readouterr().out)

    assert code == 1
    assert (found["kind"], found["version"], found["valid"]) == ("validation", 1, False)
    assert found["problems"] == [
        {
            "file": str(folder / "c.yaml"),
            "line": 2,
            "column": 10,
            "path": "topics.a",
            "what": "the key 'partitions' is missing",
            "instead": "write `partitions: 3`",
            "excerpt": "topics: {a: {}}",
        }
    ]


def test_strict_counts_warnings(folder: Path, capsys: pytest.CaptureFixture[str]):
    """A doubt is a warning, and with --strict a reason to fail."""
    (folder / "c.yaml").write_text("version: 1\ntopics: {}\n")

    assert run(["validate", str(folder)]) == 0
    assert "warning: " in capsys.readouterr().out
    assert run(["validate", str(folder), "--strict"]) == 1


def test_a_version_that_is_not_locked_names_the_command(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    """Publishing is a step of its own, and validate says which."""
    code = run(["validate", str(folder)])

    assert code == 1
    assert f"publish it: learnflow validate {folder} --lock" in capsys.readouterr().out


def test_locking_publishes_and_then_changes_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    """After --lock the catalog is valid; a changed version is not, and --lock does not help."""
    assert run(["validate", str(folder), "--lock"]) == 0
    assert "published order v1" in capsys.readouterr().out
    assert run(["validate", str(folder)]) == 0
    (folder / "c.yaml").write_text(CATALOG % EVENT.replace("string", "integer"))
    before = (folder / "events.lock").read_text()

    assert run(["validate", str(folder), "--lock"]) == 1
    assert "must not change: field 'id' was changed" in capsys.readouterr().out
    assert (folder / "events.lock").read_text() == before


def test_a_named_version_can_be_locked_again(folder: Path):
    """Only naming it changes a published digest."""
    run(["validate", str(folder), "--lock"])
    (folder / "c.yaml").write_text(CATALOG % EVENT.replace("string", "integer"))

    assert run(["validate", str(folder), "--lock", "--relock", "order:1"]) == 0
    assert run(["validate", str(folder)]) == 0


def test_a_dry_run_writes_no_lock(folder: Path, capsys: pytest.CaptureFixture[str]):
    """--dry-run says what would be published."""
    code = run(["validate", str(folder), "--lock", "--dry-run"])

    assert code == 0
    assert "would publish order v1" in capsys.readouterr().out
    assert not (folder / "events.lock").exists()


def test_a_broken_catalog_is_not_locked(folder: Path):
    """Nothing is published beside a problem."""
    (folder / "d.yaml").write_text("version: 1\nfoo: 1\n")

    assert run(["validate", str(folder), "--lock"]) == 1
    assert not (folder / "events.lock").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [""],
        ["--catalog", ""],
        ["--lock"],
        ["x", "--catalog", "y"],
        ["x", "--dry-run"],
        ["x", "--relock", "order:1"],
        ["x", "--lock", "--relock", "order"],
    ],
)
def test_flags_that_do_not_fit_are_a_usage_error(arguments: list[str]):
    """Exit code 2, and nothing is written."""
    assert run(["validate", *arguments]) == 2


def test_a_missing_folder_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """A wrong path is one clear line and exit 1."""
    code = run(["validate", str(tmp_path / "nope")])

    assert code == 1
    assert "there is no such file or folder" in capsys.readouterr().out


def test_it_needs_no_kafka_client(folder: Path):
    """Neither client library is loaded to check a catalog."""
    import subprocess
    import sys

    code = (
        "import sys; from learnflow_kafka.cli.main import run; run(['validate', '--json']);"
        "print(sorted({'kafka', 'confluent_kafka'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stderr.strip() == "[]"


def test_the_how_to_page_shows_real_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """docs/how-to/events.md: its first catalog gives the text it says, and so does its change."""
    page = (Path(__file__).parents[3] / "docs/how-to/events.md").read_text(encoding="utf-8")
    blocks = page.split("```")
    yaml_text, unlocked, changed = blocks[1], blocks[3], blocks[9]
    monkeypatch.chdir(tmp_path)
    schema = tmp_path / "catalog" / "schemas" / "order.placed.v1.json"
    schema.parent.mkdir(parents=True)
    schema.write_text('{"properties": {"total_cents": {"type": "integer"}}}')
    (tmp_path / "catalog" / "events.yaml").write_text(yaml_text.removeprefix("yaml\n"))
    run(["validate", "catalog/"])
    first = capsys.readouterr().out
    run(["validate", "catalog/", "--lock"])
    schema.write_text('{"properties": {"total_cents": {"type": "string"}}}')
    capsys.readouterr()
    run(["validate", "catalog/"])
    second = capsys.readouterr().out

    assert unlocked.removeprefix("text\n") in first
    for line in changed.removeprefix("text\n").splitlines():
        assert line in second


def test_a_misspelt_keyword_is_warned_about_and_not_published_strictly(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    """What is published is there for good: --strict holds it back, and so is nothing written."""
    (folder / "c.yaml").write_text(CATALOG % "{type: object, requird: [id]}")
    words = ["validate", str(folder / "c.yaml"), "--lock"]
    strict = run([*words, "--strict"])
    told = capsys.readouterr().out
    written = [*folder.glob("*.lock")]

    assert strict == 1
    assert "c.yaml:7:25: error: events.order.versions.1.requird: JSON Schema has no" in told
    assert "did you mean 'required'?" in told
    assert written == []
    assert run(words) == 0
    assert "warning: events.order.versions.1.requird" in capsys.readouterr().out


def test_warnings_are_told_beside_problems(folder: Path, capsys: pytest.CaptureFixture[str]):
    """What is doubtful need not wait until all else is mended."""
    (folder / "c.yaml").write_text(
        "version: 1\ntopics:\n  order placed: {partitions: 1, config: {foo.bar: 3}}\n"
    )
    code = run(["validate", str(folder / "c.yaml"), "--json"])
    found = json.loads(capsys.readouterr().out)

    assert code == 1
    assert [p["instead"] for p in found["problems"]] == ["write 'order-placed'"]
    assert [p["what"] for p in found["warnings"]] == ["Kafka 4.3 has no topic config 'foo.bar'"]
