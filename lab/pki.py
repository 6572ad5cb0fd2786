"""Keys and certificates of the lab, made once with openssl."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lab.places import API_SERVICE, NODE, NODE_ADDRESS
from lab.shell import run

if TYPE_CHECKING:
    from pathlib import Path

    from lab.places import Places

DAYS: Final = "365"
_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_SUBJECTS: Final = {"server": "/CN=kube-apiserver", "admin": "/O=system:masters/CN=admin"}
_A_MONTH: Final = str(30 * 24 * 3600)


def ensure(places: Places) -> None:
    """An authority, a server's and an administrator's certificate, valid for a month at least."""
    if _are_good(places):
        return
    places.pki.mkdir(parents=True, exist_ok=True, mode=0o700)
    pki = places.pki
    run(
        "openssl", "req", "-x509", *_KEY, "-days", DAYS, "-subj", "/CN=lab",
        "-keyout", pki / "ca.key", "-out", pki / "ca.crt",
    )  # fmt: skip
    names = ["kubernetes.default.svc", "localhost", NODE]
    addresses = ["127.0.0.1", API_SERVICE, NODE_ADDRESS, places.link[1]]
    extensions = pki / "extensions"
    said = ",".join([*(f"DNS:{n}" for n in names), *(f"IP:{a}" for a in addresses)])
    extensions.write_text(f"subjectAltName={said}\n", encoding="ascii")
    for name, subject in _SUBJECTS.items():
        _sign(pki, name, subject, extensions)
    run("openssl", "genrsa", "-out", pki / "sa.key", "2048")


def _are_good(places: Places) -> bool:
    admin = places.pki / "admin.crt"
    if not (places.pki / "sa.key").exists() or not admin.exists():
        return False
    said = run("sh", "-c", 'openssl x509 -checkend "$1" -in "$0" || true', admin, _A_MONTH)
    return "will not expire" in said


def _sign(pki: Path, name: str, subject: str, extensions: Path) -> None:
    request = pki / f"{name}.csr"
    run("openssl", "req", *_KEY, "-subj", subject, "-keyout", pki / f"{name}.key", "-out", request)
    run(
        "openssl", "x509", "-req", "-in", request, "-CA", pki / "ca.crt", "-CAkey", pki / "ca.key",
        "-CAcreateserial", "-days", DAYS, "-extfile", extensions, "-out", pki / f"{name}.crt",
    )  # fmt: skip
