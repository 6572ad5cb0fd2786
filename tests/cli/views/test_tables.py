from __future__ import annotations

import pytest

from learnflow_kafka.cli.views.output import console
from learnflow_kafka.cli.views.tables import table


@pytest.mark.parametrize("terminal", ["1", ""])
def test_cells_are_never_cut(
    terminal: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """However narrow the terminal, a name stands whole on its line."""
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("FORCE_COLOR", terminal)
    rows = table("topic", "partitions>")
    rows.add_row("code.execution.result.struggle-detector.dlt", "3")
    console().print(rows)

    lines = capsys.readouterr().out.splitlines()

    assert len(lines) == 2
    assert lines[1].startswith("code.execution.result.struggle-detector.dlt  ")
    assert lines[1].rstrip().endswith("3")
