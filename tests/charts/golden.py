"""
Write the golden files anew, to be reviewed as a diff.

    python -m tests.charts.golden
"""

from __future__ import annotations

from pathlib import Path

from tests.support.rendering import PRESETS, golden, helms

FOLDER = Path(__file__).parent / "golden"


def main() -> None:
    """Render every preset."""
    FOLDER.mkdir(exist_ok=True)
    helm = helms()["helm"]
    for preset in PRESETS:
        text = golden(helm.objects(preset=preset))
        (FOLDER / f"{preset}.yaml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
