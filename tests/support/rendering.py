"""The chart as Helm renders it: objects to look into, and the golden files of its presets."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from tests.support.chart import CHART, FILES

from lab.places import places

if TYPE_CHECKING:
    from pathlib import Path

Object = dict[str, Any]
PRESETS = ("default", *sorted(path.stem for path in (CHART / "presets").glob("*.yaml")))


@dataclass(frozen=True, slots=True)
class Helm:
    """One Helm, 4 or 3."""

    program: str

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        """How a command ended."""
        return subprocess.run(
            [self.program, *words],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "KUBECONFIG": os.devnull},
        )

    def template(
        self, *words: str, preset: str = "default", release: str = "kafka"
    ) -> subprocess.CompletedProcess[str]:
        """Render the chart; our build of Helm 3 knows no Kubernetes version by itself."""
        values = [] if preset == "default" else ["--values", str(preset_file(preset))]
        where = ["--namespace", "kafka", "--kube-version", "1.34.4"]
        return self("template", release, str(CHART), *where, *values, *words)

    def objects(self, *words: str, preset: str = "default", release: str = "kafka") -> list[Object]:
        """The rendered objects; fails, showing what Helm said, where it fails."""
        done = self.template(*words, preset=preset, release=release)
        assert done.returncode == 0, done.stderr
        return [o for o in yaml.safe_load_all(done.stdout) if o]

    def refusal(self, *words: str, preset: str = "default") -> str:
        """What Helm says to values that it must refuse."""
        done = self.template(*words, preset=preset)
        assert done.returncode != 0, f"rendered with {words}"
        return done.stderr


def helms() -> dict[str, Helm]:
    """The Helms that are here: the lab's, else those on the path."""
    found = {}
    for name in ("helm", "helm3"):
        own = places().bin / name
        program = str(own) if own.exists() else shutil.which(name)
        if program:
            found[name] = Helm(program)
    return found


def preset_file(preset: str) -> Path:
    """A preset's values."""
    return CHART / "presets" / f"{preset}.yaml"


def one(objects: list[Object], kind: str, name: str) -> Object:
    """The object of that kind and name."""
    return next(o for o in objects if o["kind"] == kind and o["metadata"]["name"] == name)


def pods(objects: list[Object]) -> list[Object]:
    """The pod specs of all workloads."""
    return [
        o["spec"]["template"]["spec"] if "template" in o["spec"] else o["spec"]
        for o in objects
        if o["kind"] in ("StatefulSet", "Pod")
    ]


def golden(objects: list[Object]) -> str:
    """Text to compare and to review: sorted, and files named instead of copied."""
    names = {path.read_text(encoding="utf-8").strip(): path.name for path in FILES.glob("*.*")
             if path.suffix != ".jar"}  # fmt: skip
    shown = []
    for each in sorted(objects, key=lambda o: (o["kind"], o["metadata"]["name"])):
        data = each.get("data", {})
        for key, text in data.items():
            if text.strip() in names:
                data[key] = f"(files/{names[text.strip()]})"
        if "binaryData" in each:
            each["binaryData"] = {key: f"(files/{key})" for key in each["binaryData"]}
        if "template" in each.get("spec", {}):
            each["spec"]["template"]["metadata"]["annotations"]["checksum/config"] = "(checksum)"
        shown.append(yaml.safe_dump(each, sort_keys=True, width=1000))
    return "---\n".join(shown)
