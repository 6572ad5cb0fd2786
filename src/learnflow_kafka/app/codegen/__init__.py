"""
Python for a catalog: its event classes, and the contract that the SDK imports.

`generate` takes a catalog and returns the text of one module. The text depends on the catalog
alone, so that a check can compare it, and it is formatted as it is written. `schemas` turns
JSON Schema into shapes, `classes` and `frozen` turn shapes and catalog into source.
"""

from __future__ import annotations

from learnflow_kafka.app.codegen.module import MARK, Generated, generate

__all__ = ["MARK", "Generated", "generate"]
