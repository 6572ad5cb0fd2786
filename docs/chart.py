"""The page of the chart's values, from the comments in values.yaml."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

VALUES = Path(__file__).parent.parent / "charts" / "learnflow-kafka" / "values.yaml"
_INTRODUCTION = """\
# Values of the chart

Written from `charts/learnflow-kafka/values.yaml` by `make docs`. How to use it:
[deploy with Helm](../how-to/deploy-with-helm.md). What must not change once installed says
*Fixed at install*; the chart refuses it where it can look, and says what to do instead.

Wrong values are refused before anything is sent to a cluster: types, names and ranges by
`values.schema.json`, what contradicts itself by the templates, with every problem at once.

| value | default | |
|---|---|---|
"""


def values_page() -> str:
    """A table of every value that can be set."""
    text = VALUES.read_text(encoding="utf-8")
    comments = _comments(text)
    rows = [
        f"| `{path}` | {default} | {comments.get(line, '')} |"
        for path, default, line in _leaves(yaml.compose(text, yaml.SafeLoader), "")
    ]
    return _INTRODUCTION + "\n".join(rows) + "\n"


def _comments(text: str) -> dict[int, str]:
    """Lines that begin with `# --`, by the number of the line below them, counted from 0."""
    found = {}
    for number, line in enumerate(text.splitlines()):
        mark, dashes, words = line.strip().partition("# -- ")
        if dashes and not mark:
            found[number + 1] = words.replace("|", "\\|")
    return found


def _leaves(node: yaml.Node | None, path: str) -> Iterator[tuple[str, str, int]]:
    """Path, default and line of what holds no further keys."""
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        inner = f"{path}.{key.value}" if path else str(key.value)
        if isinstance(value, yaml.MappingNode) and value.value:
            yield from _leaves(value, inner)
        else:
            yield inner, f"`{_default(value)}`", key.start_mark.line


def _default(node: yaml.Node) -> str:
    loader = yaml.SafeLoader("")
    return json.dumps(loader.construct_object(node, deep=True))
