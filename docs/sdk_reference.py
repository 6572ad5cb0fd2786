"""The page about the SDK's public interface, from its signatures and docstrings."""

from __future__ import annotations

import enum
import inspect
import typing
from typing import TYPE_CHECKING, Any, Final

from learnflow_kafka import sdk
from learnflow_kafka.errors import SdkError
from learnflow_kafka.sdk.metrics import Metrics
from learnflow_kafka.sdk.observing import FailedTry, Observer, Page, Sending
from learnflow_kafka.sdk.tracing import Tracing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HEAD: Final = """\
# The SDK

Written from the docstrings of `learnflow_kafka.sdk` by `make docs`. What is here is the public
interface; for the way in, see [a service in ten minutes](../how-to/first-service.md).
"""
_BESIDE: Final = """\
# Observers

Not in `learnflow_kafka.sdk` itself, so that nobody loads them unasked: `Tracing` is in
`learnflow_kafka.sdk.tracing`, `Metrics` in `learnflow_kafka.sdk.metrics`, the rest in
`learnflow_kafka.sdk.observing`.
"""
_ERRORS: Final = """\
# Errors

All are in `learnflow_kafka.errors` and have `what`, `where` and `fix`. Those of a service, each a
`SdkError`:
"""
_WIDTH: Final = 88
_SETTINGS: Final = -1.0
"""The SDK's default for "as the settings say"."""


def page() -> str:
    """The whole page."""
    lines = [_HEAD]
    for name in sdk.__all__:
        lines += _entry(name, getattr(sdk, name))
    lines.append(_BESIDE)
    for cls in (Tracing, Metrics, Observer, Sending, FailedTry, Page):
        lines += _entry(cls.__name__, cls)
    lines.append(_ERRORS)
    lines += [f"- `{cls.__name__}`: {_first(cls)}" for cls in SdkError.__subclasses__()]
    return "\n".join(lines).rstrip() + "\n"


def _first(cls: type) -> str:
    """The first paragraph of a class's docstring, in one line."""
    return " ".join((inspect.getdoc(cls) or "").partition("\n\n")[0].split())


def _entry(name: str, cls: type) -> Iterator[str]:
    yield f"## {name}\n"
    if issubclass(cls, enum.Enum):
        yield "One of " + ", ".join(f"`{member.name}`" for member in cls) + ".\n"
    elif not issubclass(cls, Exception):
        yield _code(f"class {name}", inspect.signature(cls), skip=0)
    yield inspect.getdoc(cls) or ""
    yield ""
    for member, value in vars(cls).items():
        if not member.startswith("_"):
            yield from _member(name, member, value)


def _member(owner: str, name: str, value: Any) -> Iterator[str]:
    if isinstance(value, property):
        yield f"### {owner}.{name}\n"
        returned = inspect.signature(value.fget).return_annotation if value.fget else ""
        yield f"```python\n{name}: {_plain(returned)}\n```\n"
    elif inspect.isfunction(value):
        yield f"### {owner}.{name}\n"
        prefix = "async def" if inspect.iscoroutinefunction(value) else "def"
        shapes: list[Callable[..., Any]] = list(typing.get_overloads(value)) or [value]
        for shape in shapes:
            yield _code(f"{prefix} {name}", inspect.signature(shape), skip=1)
    else:
        return
    yield inspect.getdoc(value) or ""
    yield ""


def _code(head: str, signature: inspect.Signature, *, skip: int) -> str:
    """A signature as Python, `skip` parameters left out, one a line where it is long."""
    parts: list[str] = []
    keywords = False
    for parameter in list(signature.parameters.values())[skip:]:
        if parameter.kind is parameter.KEYWORD_ONLY and not keywords:
            parts.append("*")
            keywords = True
        parts.append(_parameter(parameter))
    result = signature.return_annotation
    tail = "" if result in {inspect.Signature.empty, "None", None} else f" -> {_plain(result)}"
    line = f"{head}({', '.join(parts)}){tail}"
    if len(line) > _WIDTH:
        line = f"{head}(\n    " + ",\n    ".join(parts) + f",\n){tail}"
    return f"```python\n{line}\n```\n"


def _parameter(parameter: inspect.Parameter) -> str:
    text = parameter.name
    if parameter.annotation is not parameter.empty:
        text += f": {_plain(parameter.annotation)}"
    if parameter.default is parameter.empty:
        return text
    default = "..." if parameter.default == _SETTINGS else repr(parameter.default)
    if default.startswith("<"):  # a factory, or a value without a text of its own
        default = "..."
    return f"{text} = {default}" if ":" in text else f"{text}={default}"


def _plain(annotation: object) -> str:
    if isinstance(annotation, str):
        return annotation.strip("'\"")
    return getattr(annotation, "__name__", str(annotation))
