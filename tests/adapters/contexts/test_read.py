"""The file of contexts, read with places."""

from __future__ import annotations

from pathlib import Path

import pytest

from learnflow_kafka.adapters.contexts import read, write
from learnflow_kafka.core.connection import (
    Connection,
    Context,
    Kubernetes,
    Mechanism,
    Protocol,
    Sasl,
    SecretRef,
    SecretSource,
    Tls,
)
from learnflow_kafka.core.contexts import ContextBook
from learnflow_kafka.errors import ContextError

SECURED = """\
version: 1
current: prod
contexts:
  prod:
    bootstrap: [a:9093, b:9093]
    protocol: SASL_SSL
    tls: {ca: ca.pem, verify_hostname: false}
    sasl: {mechanism: SCRAM-SHA-256, username: ops, password: {env: KAFKA_PW}}
    cluster_id: abc
    environment: production
    catalog: topics
    protected: true
"""


def problems(tmp_path: Path, text: str) -> str:
    """What reading this text complains about."""
    file = tmp_path / "contexts.yaml"
    file.write_text(text)
    with pytest.raises(ContextError) as caught:
        read.load(file)
    return str(caught.value)


def test_no_file_is_an_empty_book(tmp_path: Path):
    """Before the first context there is no file, and that is no error."""
    assert read.load(tmp_path / "none.yaml") == ContextBook()


def test_every_setting_is_read_and_paths_start_at_the_file(tmp_path: Path):
    """A secured context has all it needs; relative paths are below the file's folder."""
    file = tmp_path / "contexts.yaml"
    file.write_text(SECURED)
    book = read.load(file)

    sasl = Sasl(Mechanism.SCRAM_SHA_256, "ops", SecretRef(SecretSource.ENV, "KAFKA_PW"))
    tls = Tls(ca=str(tmp_path / "ca.pem"), verify_hostname=False)
    assert book.current == "prod"
    assert book.get("prod") == Context(
        "prod",
        Connection(("a:9093", "b:9093"), Protocol.SASL_SSL, tls, sasl),
        "abc",
        "production",
        str(tmp_path / "topics"),
        protected=True,
    )


def test_what_is_written_is_read_back(tmp_path: Path):
    """Saving and loading gives the same book, readable by its owner alone."""
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text(SECURED)
    book = read.load(first)
    write.save(book, second)

    assert read.load(second) == book
    assert second.stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == ["first.yaml", "second.yaml"]


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("contexts: {}\n", ":1", "has no version"),
        ("version: 2\n", ":1", "is not 1"),
        ("version: 1\ncontext: {}\n", ":2", "did you mean 'contexts'?"),
        ("version: 1\ncontexts:\n\ta: 1\n", ":3", "cannot start any token"),
        ("version: 1\ncontexts:\n  local: {bootstrap: 'a:1'}\n", ":3", "learnflow up"),
        ("version: 1\ncontexts:\n  a: {}\n", ":3", "bootstrap: is missing"),
        ("version: 1\ncontexts:\n  a: {bootstrap: a}\n", ":3", "write HOST:PORT"),
        (
            "version: 1\ncontexts:\n  a: {bootstrap: 'a:1'}\n  a: {bootstrap: 'b:1'}\n",
            ":4",
            "twice",
        ),
        (
            "version: 1\ncontexts:\n  a:\n    bootstrap: a:1\n    protocol: TLS\n",
            ":5",
            "write one of PLAINTEXT, SSL",
        ),
        (
            "version: 1\ncontexts:\n  a:\n    bootstrap: a:1\n    protocol: SASL_SSL\n",
            ":4",
            "needs 'sasl'",
        ),
        (
            "version: 1\ncontexts:\n  a:\n    bootstrap: a:1\n    protected: maybe\n",
            ":5",
            "is not true or false",
        ),
        ("version: 1\ncurrent: b\ncontexts:\n  a: {bootstrap: 'a:1'}\n", ":2", "no context 'b'"),
        ("- a\n", ":1", "is not a mapping"),
    ],
)
def test_each_mistake_is_shown_at_its_line(tmp_path: Path, text: str, place: str, what: str):
    """A broken file says where and what to write instead."""
    said = problems(tmp_path, text)

    assert f"contexts.yaml{place}: " in said
    assert what in said


def test_all_problems_come_at_once(tmp_path: Path):
    """One reading shows every mistake, in the order of the lines."""
    said = problems(tmp_path, "version: 1\ncontexts:\n  a: {}\n  b: {bootstrap: 'b:x'}\n")

    assert said.startswith("2 problems")
    assert said.index(":3: ") < said.index(":4: ")


@pytest.mark.parametrize(
    "line",
    [
        "sasl: {mechanism: PLAIN, username: u, password: hunter2}",
        "sasl: {mechanism: hunter2, username: u, password: {env: X}}",
        "sasl: {mechanism: PLAIN, username: u, password: {file: x, literal: hunter2}}",
        "sasl: {mechanism: PLAIN, username: u, password: *hunter2}",
        "tls: hunter2",
        "tls: {key_password: hunter2}",
        "brokers: hunter2",
        "password: hunter2",
        'sasl: {password: "hunter2}',
    ],
)
def test_a_secret_in_the_wrong_place_is_never_repeated(tmp_path: Path, line: str):
    """A misplaced secret is a problem at its line, and is not in the message."""
    said = problems(tmp_path, f"version: 1\ncontexts:\n  a:\n    bootstrap: a:1\n    {line}\n")

    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version: [1", "expected ',' or ']', but got the end of the file"),
        ("version: {1: 2", "expected ',' or '}', but got the end of the file"),
        ("a: [1]\n- c", "expected <block end>, but found '-'"),
    ],
)
def test_what_is_no_yaml_is_said_in_words(tmp_path: Path, text: str, words: str):
    """What YAML expected stands there; what it found only where that can be no secret."""
    assert words in problems(tmp_path, text)


def test_a_literal_password_says_what_to_write(tmp_path: Path):
    """Secrets are references, and the message shows the three kinds."""
    said = problems(
        tmp_path,
        "version: 1\ncontexts:\n  a:\n    bootstrap: a:1\n    protocol: SASL_SSL\n"
        "    sasl: {mechanism: PLAIN, username: u, password: x}\n",
    )

    assert "contexts.yaml:6: contexts.a.sasl.password: secrets are not kept in this file" in said
    assert "{file: PATH}, {env: NAME} or {command: LINE}" in said


@pytest.mark.parametrize("content", [b"\xff\xfe", b"version: \x00"])
def test_bytes_that_are_no_yaml_are_an_error(tmp_path: Path, content: bytes):
    """Another encoding or control characters end in one clear error."""
    file = tmp_path / "contexts.yaml"
    file.write_bytes(content)

    with pytest.raises(ContextError, match=r"UTF-8|YAML forbids"):
        read.load(file)


def test_the_file_in_the_guide_is_a_good_one(tmp_path: Path):
    """docs/how-to/contexts.md shows a file that is read as it says."""
    guide = Path(__file__).parents[3] / "docs" / "how-to" / "contexts.md"
    file = tmp_path / "contexts.yaml"
    file.write_text(guide.read_text().partition("```yaml\n")[2].partition("```")[0])
    book = read.load(file)

    assert book.current == "staging"
    assert book.get("prod").protected
    assert book.get("prod").connection.protocol is Protocol.SASL_SSL
    assert book.get("events").kubernetes == Kubernetes(context="prod-cluster")
