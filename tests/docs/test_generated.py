"""What is generated from the code is what is committed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docs.generate import pages

ROOT = Path(__file__).parent.parent.parent
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")


@pytest.mark.parametrize("place", sorted(pages()))
def test_a_generated_file_is_fresh(place: str):
    """`make docs` would change nothing."""
    assert (ROOT / place).read_text(encoding="utf-8") == pages()[place]


@pytest.mark.parametrize(
    "page",
    sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]),
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_every_link_leads_to_a_file(page: Path):
    """A page links to nothing that is not there."""
    text = page.read_text(encoding="utf-8")

    assert [to for to in LINK.findall(text) if not (page.parent / to).exists()] == []
