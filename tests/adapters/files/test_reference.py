from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from tests.support.catalogs import catalogs as random_catalogs

from learnflow_kafka.adapters.files import models, reference
from learnflow_kafka.adapters.files.write import dump
from learnflow_kafka.core.catalog import Catalog
from learnflow_kafka.wiring import catalogs

EDITOR = jsonschema.Draft202012Validator(reference.schema())


def as_json(value: Any) -> Any:
    """A YAML document as an editor sees it: with texts as keys."""
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    return [as_json(item) for item in value] if isinstance(value, list) else value


def test_the_editor_schema_is_a_json_schema():
    """Editors can use it, and it holds no null that the format does not take."""
    jsonschema.Draft202012Validator.check_schema(reference.schema())

    assert '"null"' not in reference.schema_text()


@pytest.mark.parametrize("name", ["catalog.yaml"])
def test_the_starter_pleases_the_editor_schema(name: str):
    """What `learnflow init` writes shows no squiggle."""
    document = yaml.safe_load(catalogs.starter()[name])

    assert [e.message for e in EDITOR.iter_errors(as_json(document))] == []


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(random_catalogs())
def test_what_the_tool_takes_the_editor_takes(catalog: Catalog):
    """A valid catalog never shows a squiggle."""
    document = as_json(yaml.safe_load(dump(catalog)))

    assert [e.message for e in EDITOR.iter_errors(document)] == []


@pytest.mark.parametrize(
    "text",
    [
        "topics: {}",
        "version: 2",
        "version: 1\ntopic: {}",
        "version: 1\ntopics: {a: {partitions: x}}",
        "version: 1\ntopics: {a: {partitions: 0}}",
        "version: 1\ntopics: {a: {retention: 7 days}}",
        "version: 1\ntopics: {a: {envelope: x}}",
        "version: 1\ntopics: {a: {owner: 3}}",
    ],
)
def test_the_editor_shows_what_the_tool_refuses(text: str):
    """Shape and values are checked while typing."""
    assert not EDITOR.is_valid(as_json(yaml.safe_load(text)))


def test_every_key_is_described():
    """No key of the format is without a sentence for people."""
    found = [
        f"{name}.{key}"
        for name in vars(models)
        if isinstance(model := getattr(models, name), type) and issubclass(model, models.Model)
        for key, field in model.model_fields.items()
        if not field.description
    ]

    assert found == []
