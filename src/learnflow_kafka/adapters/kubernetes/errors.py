"""What the API server and the network say, in our errors."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

import httpx

from learnflow_kafka import errors as ours

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNREACHABLE: Final = (
    "check that the cluster runs and that the kubeconfig's context is the one you mean "
    "(`kubectl config get-contexts`)"
)


def translated(error: Exception, server: str) -> ours.KubernetesError:
    """A failure below HTTP as one of ours; `server` is the URL that was asked."""
    tls = _inside(error, ssl.SSLError)
    if isinstance(tls, ssl.SSLCertVerificationError):
        return ours.ApiUnreachableError(
            f"the API server's certificate is not one that we trust ({tls.verify_message})",
            where=server,
            fix="renew the kubeconfig; its certificate-authority is not this cluster's",
        )
    if isinstance(error, (httpx.TimeoutException, TimeoutError)):
        return ours.ApiUnreachableError(
            "the API server did not answer in time", where=server, fix=_UNREACHABLE
        )
    return ours.ApiUnreachableError(
        f"the API server does not answer ({_words(error)})", where=server, fix=_UNREACHABLE
    )


def refused(status: int, body: Mapping[str, object], path: str) -> ours.KubernetesError:
    """
    An answer of 400 and above as one of ours.

    `body` is the API's Status object, or empty where something else answered.
    """
    message = str(body.get("message") or f"HTTP status {status}")
    reason = str(body.get("reason") or "")
    kind: type[ours.ApiError] = {
        401: ours.ApiLoginError,
        403: ours.ApiForbiddenError,
        404: ours.ApiNotFoundError,
    }.get(status, ours.ApiError)
    return kind(message, status=status, reason=reason, where=path, fix=_FIXES.get(status))


_FIXES: Final = {
    401: "log in again; the kubeconfig's credentials are not accepted",
    403: "ask for this right, or choose another kubeconfig context (`--kube-context NAME`)",
}


def _inside(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, kind):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def _words(error: Exception) -> str:
    os_error = _inside(error, OSError)
    if isinstance(os_error, OSError) and os_error.strerror:
        return os_error.strerror.lower()
    return str(error) or type(error).__name__
