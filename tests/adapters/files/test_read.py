from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from learnflow_kafka.adapters.files import client
from learnflow_kafka.adapters.files.read import Loaded, load
from learnflow_kafka.core.catalog import Cleanup, Place, Reply, Start
from learnflow_kafka.core.units import FOREVER
from learnflow_kafka.errors import CatalogError, Problem

Load = Callable[..., Loaded]
Problems = Callable[..., list[Problem]]
Folder = Callable[..., Path]


def failing(path: Path) -> list[Problem]:
    with pytest.raises(CatalogError) as caught:
        load(path)
    return list(caught.value.problems)


def test_a_topic_says_what_the_file_says(load_text: Load):
    """Durations become milliseconds, sizes bytes, and the place is remembered."""
    text = """
topics:
  a.b:
    partitions: 3
    retention: 1h30m
    retention_bytes: unlimited
    max_record: 2Mi
    cleanup: [compact, delete]
    config: {segment.ms: 3600000, min.cleanable.dirty.ratio: 0.5, preallocate: true}
    key: id
    accept: [key_movement]
"""
    topic = load_text(text).catalog.topics["a.b"]

    assert (topic.retention_ms, topic.retention_bytes) == (5_400_000, FOREVER)
    assert (topic.max_record_bytes, topic.cleanup) == (2 * 2**20, Cleanup.COMPACT_DELETE)
    assert topic.config == {
        "segment.ms": "3600000",
        "min.cleanable.dirty.ratio": "0.5",
        "preallocate": "true",
    }
    assert topic.accepts_key_movement
    assert (topic.place.line, topic.place.column) == (4, 3)


def test_defaults_hold_for_topics_of_their_own_file_only(folder: Folder):
    """Another file's topics do not inherit; configs merge key by key."""
    path = folder(
        a="defaults: {partitions: 2, config: {segment.ms: 1, flush.ms: 1}}\n"
        "topics: {a: {config: {flush.ms: 2}}, b: {partitions: 5}}\n",
        b="topics: {c: {partitions: 1}}\n",
    )
    topics = load(path).catalog.topics

    assert (topics["a"].partitions, topics["b"].partitions) == (2, 5)
    assert topics["a"].config == {"segment.ms": "1", "flush.ms": "2"}
    assert topics["c"].config == {}


def test_a_subscription_needs_nothing(load_text: Load):
    """`{}` takes every default, with the service's name as its group."""
    text = "topics: {t: {partitions: 1}}\nservices: {s: {consumes: {t: {}}}}\n"
    (subscription,) = load_text(text).catalog.services["s"].consumes

    assert subscription.group == "s"
    assert (subscription.start, subscription.dead_letter) == (Start.EARLIEST, True)


def test_a_subscription_may_ask_for_exactly_once(load_text: Load):
    """`delivery: exactly_once` is said where the topic is read."""
    text = (
        "topics: {t: {partitions: 1}}\nservices: {s: {consumes: {t: {delivery: exactly_once}}}}\n"
    )
    (subscription,) = load_text(text).catalog.services["s"].consumes

    assert subscription.exactly_once


def test_a_reply_names_a_topic_and_a_field(load_text: Load):
    """`reply` says where answers go and which field pairs them."""
    text = "topics: {q: {partitions: 1, reply: {topic: r, correlate: id}}, r: {partitions: 1}}\n"
    found = load_text(text)
    (reply,) = [t.reply for t in found.catalog.topics.values() if t.reply]

    assert (reply.topic, reply.correlate) == ("r", "id")
    assert reply.place == Place(found.catalog.files[0], 2, 29)
    assert isinstance(reply, Reply)


@pytest.mark.parametrize(
    ("text", "line", "path", "what", "instead"),
    [
        ("topic: {}", 2, "topic", "there is no key 'topic'", "did you mean 'topics'?"),
        ("topics: {a: {partions: 1}}", 2, "topics.a.partions", "no key", "'partitions'"),
        ("topics: {a: {replication_factor: 1, partitions: 1}}", 2, None, "no key", "'replication'"),
        ("topics: {a: {qqq: 1, partitions: 1}}", 2, None, "no key 'qqq'", "known here: accept"),
        ("topics: {a: {}}", 2, "topics.a", "'partitions' is missing", "partitions: 3"),
        ("topics: {a: }", 2, "topics.a", "'partitions' is missing", None),
        ("topics:", 2, "topics", "the value is missing", "indent"),
        ("topics: {a: {partitions: 012}}", 2, None, "'012' is not a whole number", "write 12"),
        ("topics: {a: {partitions: 1_000}}", 2, None, "'1_000'", "write 1000"),
        ("topics: {a: {partitions: '3'}}", 2, None, "'3' is not a whole", "write 3"),
        ("topics: {a: {partitions: 1:30}}", 2, None, "'1:30' is not a whole", None),
        ("topics: {a: {partitions: 2.0}}", 2, None, "not 2.0", None),
        ("topics: {a: {partitions: true}}", 2, None, "not true", None),
        ("topics: {a: {partitions: 0}}", 2, None, "0 is too small", "1 or more"),
        ("topics: {a: {partitions: 4294967296}}", 2, None, "too large", "2147483647"),
        ("defaults: {retention: 7}", 2, "defaults.retention", "no unit", "7d"),
        ("defaults: {retention: -1}", 2, None, "no unit", "'forever'"),
        ("defaults: {retention: 7 days}", 2, None, "not a duration", "such as 30s"),
        ("defaults: {retention: 99999999999999999w}", 2, None, "longer than", "'forever'"),
        ("defaults: {max_record: 3Gi}", 2, None, "more than Kafka can hold", "2147483647"),
        ("defaults: {retention_bytes: 99999999999Ti}", 2, None, "more than Kafka", None),
        ("defaults: {max_record: unlimited}", 2, None, "not a size", "512Ki"),
        ("defaults: {max_record: 0}", 2, None, "0 is not a size", "1Mi"),
        ("defaults: {owner: 123}", 2, None, "123 is not a text", '"123"'),
        ("defaults: {owner: true}", 2, None, "true is not a text", '"true"'),
        ("defaults: {owner: ''}", 2, None, "the text is empty", None),
        ("defaults: {owner: [a]}", 2, None, "not a list", None),
        ("defaults: {prune: yes}", 2, None, "'yes' is not a truth value", "write true"),
        ("defaults: {prune: 'no'}", 2, None, "'no' is not a truth value", "write false"),
        ("defaults: {envelope: structurd}", 2, None, "'structurd'", "write structured"),
        ("defaults: {envelope: zzz}", 2, None, "'zzz'", "structured, binary, none"),
        ("defaults: {cleanup: drop}", 2, None, "'drop'", "[compact, delete]"),
        ("defaults: {accept: [all]}", 2, None, "'all'", "key_movement"),
        ("defaults: {config: {retention.ms: 1}}", 2, None, "key of its own", "retention: ..."),
        ("defaults: {config: {segment.ms: [1]}}", 2, None, "not a list", "commas"),
        ("defaults: {config: 3}", 2, None, "not 3", None),
        ("topics: [a]", 2, "topics", "not a list", "key: value"),
        ("name: [a]", 2, "name", "a text is expected", None),
        ("services: {s: {produces: [a, a]}}", 2, None, "'a' stands in the list twice", None),
        ("events: {e: {versions: {v1: {}}}}", 2, None, "'v1' is not a version", "1, 2, 3"),
        ("events: {e: {versions: {1: 3}}}", 2, None, "a schema is expected", "path"),
        ("events: {e: {versions: {}}}", 2, "events.e", "an event needs a schema", "versions"),
        ("events: {e: {}}", 2, None, "'versions' is missing", None),
        ("events: {e: {versions: {1: x.json}}}", 2, None, "x.json does not exist", None),
        ("events: {e: {versions: {1: {type: strin}}}}", 2, None, "no type", "'string'"),
        ("deleted: {a: {}}", 2, "deleted.a.reason", "'reason' is missing", None),
        ("environments: {e: {}}", 2, "environments.e", "how many brokers", "brokers: 3"),
        ("environments: {e: {brokers: 0}}", 2, "environments.e.brokers", "0 is too small", None),
        ("policy: {max_retention_cut: forever}", 2, None, "not possible here", "7d"),
        (
            "topics: {t: {partitions: 1}}\nservices: {s: {consumes: {t: {retries: {factor: 0}}}}}",
            3,
            "services.s.consumes.t.retries.factor",
            "0 is out of range",
            "from 1 to 100",
        ),
        ("<<: {a: 1}", 2, "", "the merge key", "defaults"),
    ],
)
def test_each_problem_says_where_what_and_what_instead(
    *, problems: Problems, text: str, line: int, path: str | None, what: str, instead: str | None
):
    """One mistake gives one problem, with its line, its path, and what to write."""
    found = problems(text)

    assert len(found) == 1, [str(p) for p in found]
    problem = found[0]
    assert problem.line == line
    assert path is None or problem.path == path
    assert what in problem.what
    assert (instead or "") in f"{problem.what} {problem.instead or ''}"
    assert problem.excerpt == text.splitlines()[line - 2]


def test_all_problems_of_all_kinds_come_at_once(problems: Problems):
    """Spelling, values, names, references and references of broken things: one run."""
    found = problems(
        "topics:\n"
        "  a: {partions: 1, retention: 7}\n"
        "  b.c: {partitions: 1}\n"
        "  b_c: {partitions: 1}\n"
        "  d: {partitions: 1, replication: 1, min_insync_replicas: 2}\n"
        "services:\n"
        "  s: {produces: [a, zz], consumes: {b.c: {start: newest}}}\n"
    )

    assert [p.path for p in found] == [
        "topics.a.partions",
        "topics.a.retention",
        "topics.b_c",
        "topics.d.min_insync_replicas",
        "services.s.produces",
        "services.s.consumes.b.c.start",
    ]


def test_problems_of_every_file_come_at_once_even_beside_broken_yaml(folder: Folder):
    """A file that is no YAML does not hide what is wrong in its neighbours."""
    path = folder(a="topics: [\n", b="topics: {x: {partitions: no}}\n", c="foo: 1\n")

    assert [Path(p.file).name for p in failing(path)] == ["a.yaml", "b.yaml", "c.yaml"]


def test_two_owners_cannot_declare_one_topic(folder: Folder):
    """An overlap of two files names both places and both owners."""
    path = folder(
        a="topics: {t: {partitions: 1, owner: red}}\n",
        b="defaults: {owner: blue}\ntopics:\n  t: {partitions: 1}\n",
    )
    (problem,) = failing(path)

    assert Path(problem.file).name == "b.yaml"
    assert problem.line == 4
    assert f"{path}/a.yaml:2" in problem.what
    assert "owners 'blue' and 'red'" in problem.what


@pytest.mark.parametrize(
    "text",
    [
        "events: {e: {versions: {1: {}}}}\n",
        "services: {s: {}}\n",
        "deleted: {t: {reason: old}}\n",
        "environments: {e: {brokers: 1}}\n",
        "policy: {max_retention_cut: 1d}\n",
    ],
)
def test_nothing_is_declared_in_two_files(folder: Folder, text: str):
    """Events, services, tombstones, brokers and policy stand in one file each."""
    (problem,) = failing(folder(a=text, b=text))

    assert "declared here and in" in problem.what
    assert problem.instead == "keep one of the two"


def test_names_collide_across_files(folder: Folder):
    """`.` against `_` is noticed between two files too."""
    found = failing(
        folder(a="topics: {a.b: {partitions: 1}}\n", b="topics: {a_b: {partitions: 1}}\n")
    )

    assert [Path(p.file).name for p in found] == ["b.yaml"]
    assert "one name in Kafka's metrics" in found[0].what


def test_any_file_may_override_its_topics_in_an_environment(folder: Folder):
    """One file says the brokers, others add overrides; a double one is refused."""
    first = "environments: {p: {brokers: 3}}\ntopics: {t: {partitions: 1}, u: {partitions: 1}}\n"
    catalog = load(folder(a=first, b="environments: {p: {topics: {t: {retention: 1d}}}}\n")).catalog
    twice = folder(c="environments: {p: {topics: {t: {retention: 2d}}}}\n")

    assert catalog.environments["p"].brokers == 3
    assert catalog.environments["p"].topics["t"].retention_ms == 86_400_000
    assert "declared here and in" in failing(twice)[0].what


def test_the_version_is_checked_before_anything_else(problems: Problems):
    """A newer format may mean anything by its keys, so nothing else is said of it."""
    (newer,) = problems(b"version: 2\nfoo: 1\n")
    (quoted,) = problems(b"version: '1'\n")
    (missing,) = problems(b"topics: {}\n")

    assert "newer than this learnflow" in newer.what
    assert quoted.instead == "write `version: 1`"
    assert "'version' is missing" in missing.what


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        (b"", 1, "is empty"),
        (b"# nothing\n", 1, "is empty"),
        (b"- a\n", 1, "keys with values"),
        (b"just text", 1, "keys with values"),
        ("version: 1\n".encode("utf-16"), 1, "UTF-16"),
        ("version: 1\n".encode("utf-16-le"), 1, "UTF-16"),
        ("version: 1\nname: Zürich\n".encode("latin-1"), 2, "the byte 0xFC is not UTF-8"),
        (b"version: 1\nname: a\x00b\n", 2, "U+0000"),
    ],
)
def test_files_that_are_no_catalog_say_why(
    problems: Problems, content: bytes, line: int, what: str
):
    """Empty files, lists and other encodings are named for what they are."""
    (problem,) = problems(content)

    assert problem.line == line
    assert what in problem.what


def test_a_byte_order_mark_does_no_harm(load_text: Load):
    """Windows editors write one before UTF-8."""
    found = load_text(b"\xef\xbb\xbfversion: 1\r\ntopics: {a: {partitions: 1}}\r\n")

    assert list(found.catalog.topics) == ["a"]


def test_a_huge_file_is_refused_unread(problems: Problems, monkeypatch: pytest.MonkeyPatch):
    """Beyond the limit nothing is parsed."""
    monkeypatch.setattr(client, "MAX_BYTES", 100)
    (problem,) = problems(b"version: 1\n" + b"#" * 100)

    assert "is larger than" in problem.what


def test_paths_that_hold_no_catalog_say_so(tmp_path: Path):
    """A missing path and a folder without YAML name the next command."""
    (missing,) = failing(tmp_path / "nope")
    (empty,) = failing(tmp_path)

    assert "no such file or folder" in missing.what
    assert "without a *.yaml" in empty.what
    assert "learnflow init" in (missing.instead or "")


def test_a_folder_is_read_with_its_subfolders_and_without_hidden_files(tmp_path: Path):
    """Teams keep folders; editors keep hidden files."""
    for name in ("a.yaml", "team/b.yml", ".hidden.yaml", ".git/c.yaml", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        stem = Path(name).stem
        (tmp_path / name).write_text(f"version: 1\ntopics: {{{stem}: {{partitions: 1}}}}\n")
    catalog = load(tmp_path).catalog

    assert list(catalog.topics) == ["a", "b"]
    assert catalog.files == (f"{tmp_path}/a.yaml", f"{tmp_path}/team/b.yml")


def test_a_subfolder_that_cannot_be_read_is_never_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Else its topics would silently be undeclared."""
    (tmp_path / "a.yaml").write_text("version: 1\n")
    (tmp_path / "team").mkdir()
    scan = os.scandir

    def denied(path: str) -> object:
        if str(path).endswith("team"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", denied)
    (problem,) = failing(tmp_path)

    assert problem.file == f"{tmp_path}/team"
    assert "permission denied" in problem.what


def test_an_inherited_mistake_is_shown_where_it_is_written(problems: Problems):
    """A topic that breaks a rule by its file's defaults points at the defaults."""
    (problem,) = problems(
        "defaults: {min_insync_replicas: 3}\ntopics:\n  a: {partitions: 1, replication: 2}\n"
    )

    assert problem.path == "topics.a.min_insync_replicas"
    assert problem.line == 2


def test_doubts_come_with_the_catalog(load_text: Load):
    """What is allowed and probably not meant is a warning with its line."""
    found = load_text("topics:\n  a: {partitions: 1, config: {compresion.type: zstd}}\n")

    (warning,) = found.warnings
    assert warning.line == 3
    assert warning.instead == "did you mean 'compression.type'?"


def test_control_characters_of_a_file_never_reach_the_terminal(problems: Problems):
    """A key with an escape sequence is shown as its code."""
    (problem,) = problems('topics: {"a\\e[31mb": {partitions: 1}}\n')

    assert "\x1b" not in str(problem)
    assert "\\x1b" in problem.path


def test_a_service_may_say_that_it_writes_and_reads_nothing(load_text: Load):
    """An empty list of topics is said on purpose, as an empty mapping is."""
    text = "topics: {a: {partitions: 1, accept: []}}\nservices: {s: {produces: [], consumes: {}}}\n"
    service = load_text(text).catalog.services["s"]

    assert (service.produces, service.consumes) == ((), ())


def test_a_list_of_names_says_which_entry_is_none(problems: Problems):
    """An empty list where names are needed, and an entry that is no text, are told apart."""
    text = (
        "topics: {a: {partitions: 1, event: []}}\nevents: {}\nservices: {s: {produces: [1, a]}}\n"
    )
    words = [problem.what for problem in problems(text)]

    assert words == ["this list is empty", "names are expected in this list, not 1"]
