"""
The file of contexts to a book, with every problem at its line.

No message quotes a value unless it is one of a few known words: a password may stand where
it does not belong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import yaml

from learnflow_kafka.core.connection import (
    Connection,
    Context,
    Kubernetes,
    Mechanism,
    Protocol,
    Sasl,
    SecretRef,
    SecretSource,
    Tls,
    parse_bootstrap,
)
from learnflow_kafka.core.contexts import (
    ContextBook,
    context_name_fault,
    speaks_for_itself,
)
from learnflow_kafka.core.suggest import did_you_mean
from learnflow_kafka.errors import ContextError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from enum import StrEnum

Word = TypeVar("Word", bound="StrEnum")

_BOOK_KEYS: Final = ("version", "current", "contexts")
_CONTEXT_KEYS: Final = (
    "bootstrap",
    "protocol",
    "tls",
    "sasl",
    "cluster_id",
    "environment",
    "catalog",
    "brokers",
    "protected",
    "kubernetes",
)
_TLS_KEYS: Final = ("ca", "certificate", "key", "key_password", "verify_hostname")
_KUBERNETES_KEYS: Final = ("context", "namespace", "release", "kubeconfig")
_SASL_KEYS: Final = ("mechanism", "username", "password")
_SECRET: Final = 4
"""From so many letters on a quoted piece may be a part of a secret."""

_TAG: Final = "tag:yaml.org,2002:"


def load(file: Path) -> ContextBook:
    """
    The book in the file; an empty one where there is no file.

    Paths in it that are relative are taken from the file's folder. Raises ContextError with
    all problems, each as file:line.
    """
    try:
        text = file.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ContextBook()
    except UnicodeDecodeError:
        raise ContextError("the file is not UTF-8", where=str(file)) from None
    except OSError as error:
        raise ContextError(f"cannot be read: {error.strerror}", where=str(file)) from error
    reader = _Reader(str(file), file.parent)
    book = reader.book(reader.compose(text))
    if reader.problems:
        raise _broken(file, reader.problems)
    return book


def _broken(file: Path, problems: list[Problem]) -> ContextError:
    ordered = sorted(problems, key=lambda p: (p.line, p.column))
    count = len(ordered)
    lines = "".join(f"\n  {problem}" for problem in ordered)
    return ContextError(
        f"{count} problem{'' if count == 1 else 's'} in the file of contexts:{lines}",
        fix=f"mend the lines above in {file}, then run `learnflow context list`",
    )


def _token(found: re.Match[str]) -> str:
    """A quoted piece of YAML's words: the names of its tokens, and what is too short to be told."""
    if found[2] == "<stream end>":
        return "the end of the file"
    told = len(found[2]) < _SECRET or re.fullmatch("<[a-z ]+>", found[2])
    return found[0] if told else "(...)"


@dataclass(slots=True)
class _Reader:
    """Walks the YAML nodes of one file and gathers problems."""

    file: str
    folder: Path
    problems: list[Problem] = field(default_factory=list)

    def compose(self, text: str) -> yaml.Node | None:
        try:
            return yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            # YAML's own words may quote what stands there, which may be a secret.
            said = re.sub(r"(['\"])(.*?)\1", _token, error.problem or "not YAML")
            self.problems.append(Problem(self.file, line, column, "", said))
        except yaml.YAMLError:
            self.problems.append(Problem(self.file, 1, 1, "", "holds a character YAML forbids"))
        except RecursionError:
            self.problems.append(Problem(self.file, 1, 1, "", "is nested too deeply"))
        return None

    def book(self, root: yaml.Node | None) -> ContextBook:
        if root is None:
            return ContextBook()
        top = self.mapping(root, "", _BOOK_KEYS)
        if top is None:
            return ContextBook()
        self._version(root, top.get("version"))
        contexts = self._contexts(top.get("contexts"))
        return ContextBook(contexts, self._current(top.get("current"), contexts))

    def _version(self, root: yaml.Node, node: yaml.Node | None) -> None:
        if node is None:
            self.wrong(root, "", "has no version", "begin it with 'version: 1'")
        elif not isinstance(node, yaml.ScalarNode) or node.value != "1":
            self.wrong(node, "version", "is not 1, the only version this tool knows")

    def _current(self, node: yaml.Node | None, contexts: Mapping[str, Context]) -> str | None:
        name = self.text(node, "current")
        if name is None or node is None or name in contexts or speaks_for_itself(name):
            return name
        if not self.problems:
            # With other problems the context may merely have been unreadable.
            self.wrong(node, "current", f"there is no context {name!r} in this file")
        return None

    def _contexts(self, node: yaml.Node | None) -> dict[str, Context]:
        found: dict[str, Context] = {}
        entries = self.mapping(node, "contexts", None) if node is not None else None
        for name, entry in (entries or {}).items():
            fault = context_name_fault(name)
            if fault:
                self.wrong(entry, "contexts", fault)
                continue
            context = self._context(entry, name)
            if context:
                found[name] = context
        return found

    def _context(self, node: yaml.Node, name: str) -> Context | None:
        path = f"contexts.{name}"
        entries = self.mapping(node, path, _CONTEXT_KEYS)
        if entries is None:
            return None
        connection = self._connection(node, entries, path)
        context = Context(
            name,
            connection or Connection(()),
            cluster_id=self.text(entries.get("cluster_id"), f"{path}.cluster_id"),
            environment=self.text(entries.get("environment"), f"{path}.environment"),
            catalog=self.path(entries.get("catalog"), f"{path}.catalog"),
            brokers=self.count(entries.get("brokers"), f"{path}.brokers"),
            protected=self.flag(entries.get("protected"), f"{path}.protected", default=False),
            kubernetes=self._kubernetes(entries.get("kubernetes"), f"{path}.kubernetes"),
        )
        return context if connection else None

    def _connection(
        self, node: yaml.Node, entries: Mapping[str, yaml.Node], path: str
    ) -> Connection | None:
        bootstrap = self._bootstrap(node, entries.get("bootstrap"), f"{path}.bootstrap")
        tls = self._tls(entries.get("tls"), f"{path}.tls")
        sasl = self._sasl(entries.get("sasl"), f"{path}.sasl")
        protocol = self.word(entries.get("protocol"), f"{path}.protocol", Protocol)
        protocol = protocol or Protocol.PLAINTEXT
        named = protocol in {Protocol.SASL_PLAINTEXT, Protocol.SASL_SSL}
        if named and "sasl" not in entries:
            self.wrong(node, path, f"{protocol.value} needs 'sasl': a mechanism and a username")
        if "sasl" in entries and not named:
            self.wrong(
                entries["sasl"],
                f"{path}.sasl",
                f"means nothing with {protocol.value}",
                "write 'protocol: SASL_SSL'",
            )
        return Connection(bootstrap, protocol, tls, sasl) if bootstrap else None

    def _bootstrap(
        self, parent: yaml.Node, node: yaml.Node | None, path: str
    ) -> tuple[str, ...] | None:
        if node is None:
            self.wrong(parent, path, "is missing", "write one or more HOST:PORT")
            return None
        if isinstance(node, yaml.SequenceNode):
            parts = [self.text(item, path) for item in node.value]
            written = ",".join(part for part in parts if part)
        else:
            written = self.text(node, path) or ""
        try:
            return parse_bootstrap(written)
        except ValueError as error:
            self.wrong(node, path, str(error))
            return None

    def _kubernetes(self, node: yaml.Node | None, path: str) -> Kubernetes | None:
        entries = self.mapping(node, path, _KUBERNETES_KEYS) if node is not None else None
        if entries is None:
            return None
        usual = Kubernetes()
        return Kubernetes(
            context=self.text(entries.get("context"), f"{path}.context"),
            namespace=self.text(entries.get("namespace"), f"{path}.namespace") or usual.namespace,
            release=self.text(entries.get("release"), f"{path}.release") or usual.release,
            kubeconfig=self.path(entries.get("kubeconfig"), f"{path}.kubeconfig"),
        )

    def _tls(self, node: yaml.Node | None, path: str) -> Tls | None:
        entries = self.mapping(node, path, _TLS_KEYS) if node is not None else None
        if entries is None:
            return None
        return Tls(
            ca=self.path(entries.get("ca"), f"{path}.ca"),
            certificate=self.path(entries.get("certificate"), f"{path}.certificate"),
            key=self.path(entries.get("key"), f"{path}.key"),
            key_password=self._secret(entries.get("key_password"), f"{path}.key_password"),
            verify_hostname=self.flag(
                entries.get("verify_hostname"), f"{path}.verify_hostname", default=True
            ),
        )

    def _sasl(self, node: yaml.Node | None, path: str) -> Sasl | None:
        entries = self.mapping(node, path, _SASL_KEYS) if node is not None else None
        if node is None or entries is None:
            return None
        for key in _SASL_KEYS:
            if key not in entries:
                self.wrong(node, path, f"has no {key!r}")
        mechanism = self.word(entries.get("mechanism"), f"{path}.mechanism", Mechanism)
        username = self.text(entries.get("username"), f"{path}.username")
        password = self._secret(entries.get("password"), f"{path}.password")
        if mechanism is None or username is None or password is None:
            return None
        return Sasl(mechanism, username, password)

    def _secret(self, node: yaml.Node | None, path: str) -> SecretRef | None:
        if node is None:
            return None
        instead = "write where it is: {file: PATH}, {env: NAME} or {command: LINE}"
        if not isinstance(node, yaml.MappingNode):
            self.wrong(node, path, "secrets are not kept in this file", instead)
            return None
        sources = tuple(source.value for source in SecretSource)
        entries = self.mapping(node, path, sources)
        if entries is None or len(entries) != 1:
            self.wrong(node, path, "names not exactly one place", instead)
            return None
        ((source, place),) = entries.items()
        as_path = source == SecretSource.FILE
        value = self.path(place, path) if as_path else self.text(place, path)
        return SecretRef(SecretSource(source), value) if value else None

    def wrong(self, node: yaml.Node, path: str, what: str, instead: str | None = None) -> None:
        mark = node.start_mark
        self.problems.append(
            Problem(self.file, mark.line + 1, mark.column + 1, path, what, instead)
        )

    def mapping(
        self, node: yaml.Node, path: str, known: tuple[str, ...] | None
    ) -> dict[str, yaml.Node] | None:
        """The entries by key; `known` None: any key is allowed."""
        if not isinstance(node, yaml.MappingNode):
            if node.tag != f"{_TAG}null":
                self.wrong(node, path, "is not a mapping of keys to values")
            return None
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name is None:
                self.wrong(key, path, "has a key that is not plain text")
            elif name in found:
                self.wrong(key, path, f"has {name!r} twice")
            elif known is not None and name not in known:
                self.wrong(key, path, f"does not know {name!r}", _nearest(name, known))
            else:
                found[name] = value
        return found

    def text(self, node: yaml.Node | None, path: str) -> str | None:
        """The text as written; a number or a date is taken as its letters."""
        if node is None or node.tag == f"{_TAG}null":
            return None
        if not isinstance(node, yaml.ScalarNode) or not node.value:
            self.wrong(node, path, "is not text")
            return None
        return str(node.value)

    def path(self, node: yaml.Node | None, path: str) -> str | None:
        written = self.text(node, path)
        return str(self.folder / Path(written).expanduser()) if written else None

    def word(self, node: yaml.Node | None, path: str, kind: type[Word]) -> Word | None:
        written = self.text(node, path)
        if node is None or written is None:
            return None
        try:
            return kind(written.upper())
        except ValueError:
            known = ", ".join(word.value for word in kind)
            self.wrong(node, path, "is none of the known words", f"write one of {known}")
            return None

    def count(self, node: yaml.Node | None, path: str) -> int | None:
        return self._scalar(node, path, "int", "a whole number above 0", _positive)

    def flag(self, node: yaml.Node | None, path: str, *, default: bool) -> bool:
        found = self._scalar(node, path, "bool", "true or false", _truth)
        return default if found is None else bool(found)

    def _scalar(
        self,
        node: yaml.Node | None,
        path: str,
        tag: str,
        meaning: str,
        convert: Callable[[str], int | bool | None],
    ) -> int | None:
        if node is None:
            return None
        right = isinstance(node, yaml.ScalarNode) and node.tag == _TAG + tag
        found = convert(node.value) if right else None
        if found is None:
            self.wrong(node, path, f"is not {meaning}")
        return found


def _positive(text: str) -> int | None:
    return int(text) if text.isdecimal() and int(text) > 0 else None


def _truth(text: str) -> bool:
    return text.lower() in {"true", "yes", "on"}


def _nearest(name: str, known: tuple[str, ...]) -> str:
    return did_you_mean(name, known) or f"known here: {', '.join(known)}"
