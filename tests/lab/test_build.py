"""When the lab's programs are built again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import build
from lab.places import RECIPE, Places

if TYPE_CHECKING:
    from pathlib import Path


def test_a_program_is_built_again_when_its_recipe_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Sources, checksums and flags make the key that stands beside the program."""
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / "go.sum").write_text("one")
    monkeypatch.setattr(build, "RECIPE", tmp_path)
    program, places = build.Program("thing", "thing"), Places(tmp_path)
    places.bin.mkdir()
    (places.bin / "thing").touch()
    before = build.is_built(places, program)
    (places.bin / "thing.key").write_text(program.key)
    built = build.is_built(places, program)
    (tmp_path / "thing" / "go.sum").write_text("two")
    changed = build.is_built(places, program)
    other = build.Program("thing", "thing", variables=(("version", "2"),))

    assert (before, built, changed) == (False, True, False)
    assert other.key != program.key


@pytest.mark.parametrize("program", build.PROGRAMS, ids=lambda p: p.name)
def test_every_program_is_pinned_by_checksums(program: build.Program):
    """What is downloaded is what was seen when the module was written."""
    module = (RECIPE / program.module / "go.mod").read_text()
    sums = RECIPE / program.module / "go.sum"

    assert "require" not in module or sums.stat().st_size > 0


def test_versions_in_the_code_and_in_the_modules_agree():
    """The version that is linked in is the one that is built."""
    modules = {p.name: (RECIPE / p.module / "go.mod").read_text() for p in build.PROGRAMS}

    assert f"k8s.io/kubernetes v{build.KUBERNETES}" in modules["kube"]
    assert f"helm.sh/helm/v4 v{build.HELM4}" in modules["helm"]
    assert f"helm.sh/helm/v3 v{build.HELM3}" in modules["helm3"]
