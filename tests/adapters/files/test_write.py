from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from tests.support.catalogs import bare, catalogs

from learnflow_kafka.adapters.files.read import load
from learnflow_kafka.adapters.files.write import dump
from learnflow_kafka.core.catalog import Catalog
from learnflow_kafka.wiring.catalogs import load as load_catalog


def reread(text: str) -> Catalog:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "catalog.yaml")
        file.write_text(text, encoding="utf-8")
        return load(file).catalog


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(catalogs())
def test_a_written_catalog_reads_back_as_the_same_catalog(catalog: Catalog):
    """For any valid catalog, load(dump(catalog)) is the catalog, places apart."""
    again = reread(dump(catalog))

    assert bare(again) == bare(catalog)


def test_the_built_in_catalog_survives_writing():
    """LearnFlow's catalog, written and read, is the same."""
    catalog = load_catalog(None)

    assert bare(reread(dump(catalog))) == bare(catalog)


def test_writing_is_repeatable():
    """The same catalog gives the same bytes, so a diff of two exports shows changes only."""
    catalog = load_catalog(None)

    assert dump(reread(dump(catalog))) == dump(catalog)
