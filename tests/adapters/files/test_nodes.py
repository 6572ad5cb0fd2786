from __future__ import annotations

import pytest
import yaml

from learnflow_kafka.adapters.files import nodes
from learnflow_kafka.adapters.files.nodes import Mapping, Scalar, locate, parse, plain_value


def value_of(text: str) -> object:
    root, problems = parse(text, "f")
    assert problems == ()
    assert root is not None
    return plain_value(root)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("012", "012"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"),
        (".5", ".5"),
        (".inf", ".inf"),
        ("1e3", "1e3"),
        ("=", "="),
        ("12", 12),
        ("-1", -1),
        ("1.5", 1.5),
        ("1.0e999", "1.0e999"),
        ("true", True),
        ("'true'", "true"),
        ("~", None),
        ("null", None),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_scalars_are_what_json_would_call_them(written: str, value: object):
    """YAML 1.1's surprises are texts; only JSON's literals are numbers, truths and null."""
    found = value_of(f"a: {written}")

    assert found == {"a": value}
    assert type(found["a"]) is type(value)


def test_keys_are_texts():
    """A key that looks like a number or a truth value is its own text."""
    assert value_of("{1: a, no: b, true: c}") == {"1": "a", "no": "b", "true": "c"}


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        ("a: 1\na: 2\n", 2, 1, "'a' stands here twice, first on line 1"),
        ("a: &x 1\n", 1, 4, "the anchor &x"),
        ("a: *x\n", 1, 4, "the alias *x"),
        ("a:\n  <<: {b: 1}\n", 2, 3, "the merge key <<"),
        ("a: !!str b\n", 1, 4, "the tag !!str"),
        ("a: !x b\n", 1, 4, "the tag !x"),
        ("a: 1\n---\nb: 2\n", 2, 1, "a second YAML document"),
        ("a:\n\tb: 1\n", 2, 1, "a tab"),
        ("a: 'b\n", 1, 4, "a quote is opened here"),
        ("a: [1, 2\n", 1, 4, "a bracket is opened here"),
        ("a: b: c\n", 1, 5, "a ':' stands"),
        ("a: @b\n", 1, 4, "no value can begin"),
        ("- a\nb: 1\n", 2, 1, "does not fit"),
        ("? [a]\n: b\n", 1, 3, "not a plain name"),
        ("a: \x07\n", 1, 4, "U+0007"),
        ("a: " + "[" * 101, 1, 103, "nested deeper"),
    ],
)
def test_what_is_refused_is_named_with_its_place(text: str, line: int, column: int, what: str):
    """Each refusal says where it stands and what to do instead."""
    _, problems = parse(text, "f")

    problem = problems[0]
    assert (problem.line, problem.column) == (line, column)
    assert what in problem.what
    assert problem.instead


def test_everything_refused_is_reported_at_once():
    """An anchor, an alias, a tag and a duplicate in one text are four problems."""
    _, problems = parse("a: &x 1\nb: *x\nc: !!int 3\nc: 4\n", "f")

    assert [p.line for p in problems] == [1, 2, 3, 4]


def test_deep_nesting_costs_no_recursion():
    """A hundred thousand brackets end with one problem."""
    root, problems = parse("a: " + "[" * 100_000, "f")

    assert root is None
    assert len(problems) == 1


def test_a_path_is_located_as_deep_as_it_goes():
    """The position of a missing part is that of what would hold it."""
    root, _ = parse("topics:\n  a.b:\n    retention: 7d\n", "f")

    assert root is not None
    assert locate(root, ("topics", "a.b", "retention")) == (nodes.Mark(3, 16), 3)
    assert locate(root, ("topics", "a.b", "owner")) == (nodes.Mark(2, 3), 2)


def test_columns_count_characters():
    """A caret after an umlaut stands where a reader sees it."""
    root, _ = parse("{ü: ä, b: c}", "f")

    assert isinstance(root, Mapping)
    assert root.entries["b"].mark == nodes.Mark(1, 8)


def test_the_parser_in_python_gives_the_same_tree(monkeypatch: pytest.MonkeyPatch):
    """Where PyYAML has no libyaml, its own parser does."""
    monkeypatch.setattr(nodes, "_LOADER", yaml.SafeLoader)
    root, problems = parse("a: {b: [1, 'x']}\n", "f")
    _, tab = parse("a:\n\tb: 1\n", "f")

    assert problems == ()
    assert root is not None
    assert plain_value(root) == {"a": {"b": [1, "x"]}}
    assert "a tab" in tab[0].what


def test_a_key_may_begin_with_any_character():
    """Even NUL: fields of schemas are named by others."""
    assert value_of('{"\\0a": 1, "\\0b": 2}') == {"\0a": 1, "\0b": 2}


def test_a_value_below_a_refused_key_is_forgotten():
    """Two keys that are lists are two problems and no entry."""
    root, problems = parse("? [a]\n: {x: 1}\n? [b]\n: 2\nc: 3\n", "f")

    assert [p.line for p in problems] == [1, 3]
    assert root is not None
    assert plain_value(root) == {"c": 3}


def test_half_a_surrogate_pair_is_refused(monkeypatch: pytest.MonkeyPatch):
    """What could not be printed or hashed later is refused where it is written."""
    monkeypatch.setattr(nodes, "_LOADER", yaml.SafeLoader)
    _, problems = parse('a: "\\ud800"\n', "f")

    assert "surrogate" in problems[0].what
    assert isinstance(parse("a", "f")[0], Scalar)
