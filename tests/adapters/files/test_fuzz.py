from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from learnflow_kafka.adapters.files import models
from learnflow_kafka.adapters.files.read import load
from learnflow_kafka.errors import CatalogError

KEYS = sorted(
    {
        key
        for name in dir(models)
        if isinstance(model := getattr(models, name), type) and issubclass(model, models.Model)
        for key in model.model_fields
    }
)
ODD = ["<<", "", "a.b", "a_b", "retention.ms", "7d", "forever", "no", "key", "topics", "[]", "é"]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2**70),
    st.floats(),
    st.sampled_from([*KEYS, *ODD, "s.json", "delete", "earliest"]),
    st.text(max_size=5),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*KEYS, *ODD, "1"]), inner, max_size=4)
    ),
    max_leaves=20,
)
SECTIONS = st.sampled_from(
    ["topics", "events", "services", "environments", "deleted", "defaults", "policy"]
)
PIECES = st.sampled_from(
    [
        *"\t\n :-?[]{},&*!|>'\"%@`#<\x00\x85\u2028",
        "version: 1\n",
        "topics:\n",
        "  a: ",
        "---\n",
        "<<",
    ]
)


def outcome(content: bytes, schema: str = "{}") -> bool:
    """Whether it is a catalog, or its problems are well formed; else an exception escapes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "c.yaml")
        file.write_bytes(content)
        Path(folder, "s.json").write_text(schema, encoding="utf-8", errors="surrogatepass")
        try:
            load(file)
        except CatalogError as error:
            found = error.problems
        else:
            return True
    printable = "\n".join(map(str, found)).encode()
    return bool(printable) and all(p.line >= 1 and p.column >= 1 and p.what for p in found)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_catalog_or_a_catalog_error(content: bytes):
    """No file, whatever its bytes, gives anything but a catalog or its problems."""
    assert outcome(content)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=30))
def test_any_yaml_like_text_is_a_catalog_or_a_catalog_error(pieces: list[str]):
    """Texts made of YAML's own characters break nothing."""
    assert outcome(("version: 1\n" + "".join(pieces)).encode())


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(SECTIONS, st.dictionaries(st.sampled_from(["a", "b.c", "b_c"]), TREES)))
def test_any_document_of_our_keys_is_a_catalog_or_a_catalog_error(document: dict[str, object]):
    """Well-formed documents with our keys at wrong places and wrong values break nothing."""
    assert outcome(yaml.safe_dump({"version": 1, **document}).encode())


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40) | TREES.map(yaml.safe_dump))
def test_any_schema_file_is_a_schema_or_a_problem(text: str):
    """Whatever a schema file holds, the catalog's problems say so."""
    catalog = b"version: 1\nevents: {e: {versions: {1: s.json}}}\n"

    assert outcome(catalog, text)


def test_a_catalog_error_is_all_that_a_missing_folder_gives():
    """A path that does not exist, or cannot, is a problem like others."""
    for path in ("/nonexistent/x", "a\0b", "x" * 5000):
        with contextlib.suppress(CatalogError):
            load(Path(path))
            raise AssertionError(path)
