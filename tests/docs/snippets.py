"""
Snippets in the documents: files, commands and Python that follow each other on a page.

A block opened by three backticks and `yaml file=NAME` is that file; `sh` runs each line;
`python` is one step of the page's program; `python in=NAME` stands in that file as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK: Final = "<!-- snippets: run as a test -->"
BLOCK: Final = re.compile(r"^```(\w+)(?: (file|in)=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Snippet:
    """One block: its language, its text, and the file that it is (`file`) or stands in (`in`)."""

    language: str
    text: str
    relation: str | None = None
    file: str = ""


def snippets(page: str) -> Iterator[Snippet]:
    """The blocks of a page, in order."""
    for language, relation, file, text in BLOCK.findall(page):
        yield Snippet(language, text, relation or None, file)
