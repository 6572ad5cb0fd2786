"""
Every error this package raises on purpose.

    LearnflowError                what happened, where, and the next step
    ├── UsageError                the command was called wrongly                (exit 2)
    ├── CatalogError              problems in the catalog's files, all of them
    ├── ContextError              no such context, a broken one, a missing secret
    ├── MissingExtraError         an optional part is not installed
    ├── RefusedError              asked for something that this tool will not do unasked
    ├── PlanError
    │   ├── PlanUnreadableError   not a plan file, or one of another version
    │   ├── PlanStaleError        the cluster changed since the plan was made
    │   └── WrongClusterError     the plan or context belongs to another cluster
    ├── KafkaError                a request to Kafka failed
    │   ├── UnreachableError      no broker answers
    │   ├── TimedOutError         a broker answered too late, or not at all
    │   ├── AuthenticationError   the broker does not accept who we are
    │   ├── NotAuthorizedError    the broker does not let us do this
    │   ├── UnsupportedError      this broker is too old for the request
    │   └── RequestError          the broker refused; `code` is Kafka's name for it
    ├── SdkError                  a service and its events
    │   ├── ContractError         the contract does not declare this topic, direction or handler
    │   ├── EventError            an event, or the bytes of one, does not fit its class
    │   ├── DeliveryError         a record was not written; `code` is librdkafka's name for it
    │   ├── BacklogError          no room in the send queue within the time given
    │   ├── ClosedError           the producer or app is closed, or broken for good
    │   ├── ForkedError           used in a child process that was forked from its maker
    │   ├── DeadlineError         a handler took longer than it may
    │   ├── UndoneError           a handler returned its work instead of doing it
    │   ├── NoReplyError          no reply came within the time given
    │   └── RemoteError           whoever was asked gave the request up; `kind` is its error's class
    ├── KubernetesError           Kubernetes, Helm, or the way to them
    │   ├── KubeconfigError       no kubeconfig, context or credentials that can be used
    │   ├── ApiUnreachableError   the API server does not answer
    │   ├── ApiError              the API server refused; `status` and `reason` are its own
    │   │   ├── ApiLoginError     it does not accept who we are
    │   │   ├── ApiForbiddenError it does not let us do this
    │   │   └── ApiNotFoundError  there is no such object
    │   ├── HelmError             helm is missing, or a release could not be brought about
    │   ├── RolloutError          what was deployed did not get ready in time
    │   └── ForwardError          no tunnel from here to the brokers
    └── LocalError                Kafka on this machine
        ├── DownloadError         a file could not be fetched
        ├── ChecksumError         a file is not the one that was locked
        ├── JavaError             no usable Java
        ├── StartError            a process ended before it was ready
        ├── PortTakenError        another program listens there
        ├── BusyError             another `learnflow` works on the same cluster
        └── StorageError          a directory that cannot be written, or a full disk

The original error stays chained as the cause. Nothing else crosses the edge of the
command line: what is not in this tree is our bug and is reported as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


class LearnflowError(Exception):
    """
    Something failed in a way that a person can act on.

    `what` happened, in one sentence; `where` (file:line, topic, address), and `fix`: the
    next step, as a command where there is one.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.what}"


class UsageError(LearnflowError):
    """The command was called with words that do not fit together."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Problem:
    """
    One thing wrong in a file that a person wrote.

    `file` as it was named to us, `line` and `column` from 1; `path` inside the document
    (`topics.learning.query.retention`); `what` is wrong, and what to write `instead`.
    `excerpt` is the line as it stands in the file, for a view that shows it.
    """

    file: str
    line: int
    column: int
    path: str
    what: str
    instead: str | None = None
    excerpt: str | None = None

    def __str__(self) -> str:
        tail = f"; {self.instead}" if self.instead else ""
        inside = f"{self.path}: " if self.path else ""
        return f"{self.file}:{self.line}: {inside}{self.what}{tail}"


class CatalogError(LearnflowError):
    """
    The catalog cannot be used; `problems` holds every reason, in order of place.

    `warnings` are what is doubtful in it besides.
    """

    def __init__(self, problems: tuple[Problem, ...], warnings: tuple[Problem, ...] = ()) -> None:
        count = len(problems)
        super().__init__(
            f"{count} problem{'' if count == 1 else 's'} in the catalog",
            fix="mend what is named above; `learnflow validate PATH` checks it without a cluster",
        )
        self.problems = problems
        self.warnings = warnings

    def remembered(self, by: str, fix: str) -> Self:
        """The error about a catalog that nobody named this time: who remembers it, and how else."""
        self.where = f"remembered by {by}"
        self.fix = f"mend what is named above, or choose another: {fix}"
        return self


class ContextError(LearnflowError):
    """A context (a named cluster) is missing, broken, or its secret cannot be read."""


class MissingExtraError(LearnflowError):
    """An optional part of this package is not installed."""

    exit_code = 2


class RefusedError(LearnflowError):
    """The request is understood, and this tool does not do it unless told more."""


class PlanError(LearnflowError):
    """A plan cannot be carried out."""


class PlanUnreadableError(PlanError):
    """The file is not a plan that this version can read."""


class PlanStaleError(PlanError):
    """The cluster is not what it was when the plan was made."""


class WrongClusterError(PlanError):
    """The cluster that answers is not the one that was meant."""


class KafkaError(LearnflowError):
    """A request to Kafka failed."""


class UnreachableError(KafkaError):
    """No broker answers at the address."""


class TimedOutError(KafkaError):
    """A broker took longer than it was given; what it did is not known."""


class AuthenticationError(KafkaError):
    """The broker does not accept who we say we are, or we do not accept its certificate."""


class NotAuthorizedError(KafkaError):
    """The broker knows us and does not let us do this."""


class UnsupportedError(KafkaError):
    """The broker is too old, or set up without what the request needs."""


class RequestError(KafkaError):
    """The broker refused a request; `code` is Kafka's own name for the reason."""

    def __init__(
        self, what: str, *, code: str, where: str | None = None, fix: str | None = None
    ) -> None:
        super().__init__(what, where=where, fix=fix)
        self.code = code


class SdkError(LearnflowError):
    """A service cannot send or handle its events."""


class ContractError(SdkError):
    """The contract does not declare what the service is about to do; `where` is its line."""


class EventError(SdkError):
    """An event, or the bytes of one, does not fit its class; the message names the field."""


class DeliveryError(SdkError):
    """
    A record was not written, or nobody can say whether it was.

    `code` is librdkafka's name for the reason; `maybe_written` says that the record may be
    in the log although no acknowledgement came.
    """

    def __init__(
        self,
        what: str,
        *,
        code: str,
        maybe_written: bool = False,
        where: str | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(what, where=where, fix=fix)
        self.code = code
        self.maybe_written = maybe_written


class BacklogError(SdkError):
    """The send queue stayed full for as long as the caller would wait; nothing was queued."""


class ClosedError(SdkError):
    """The producer or app was closed, or broke for good and has to be made anew."""


class ForkedError(SdkError):
    """A client made before a fork was used in the child, where its threads do not exist."""


class DeadlineError(SdkError):
    """A handler took longer than its deadline."""


class KubernetesError(LearnflowError):
    """Kubernetes, or Helm, does not do what we need."""


class KubeconfigError(KubernetesError):
    """There is no kubeconfig, context or credential that can be used."""


class ApiUnreachableError(KubernetesError):
    """The API server does not answer."""


class ApiError(KubernetesError):
    """The API server refused a request; `status` is HTTP's, `reason` the API's own word."""

    def __init__(
        self,
        what: str,
        *,
        status: int,
        reason: str,
        where: str | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(what, where=where, fix=fix)
        self.status = status
        self.reason = reason


class ApiLoginError(ApiError):
    """The API server does not accept who we say we are."""


class ApiForbiddenError(ApiError):
    """The API server knows us and does not let us do this."""


class ApiNotFoundError(ApiError):
    """There is no such object."""


class HelmError(KubernetesError):
    """Helm is not installed, or could not bring a release about; the message quotes it."""


class RolloutError(KubernetesError):
    """What was deployed did not get ready in time, or cannot."""


class ForwardError(KubernetesError):
    """No tunnel can be built from this machine to the brokers."""


class UndoneError(SdkError):
    """A handler returned its work, a coroutine say, instead of doing it: its event comes again."""


class NoReplyError(SdkError):
    """
    No reply came in time.

    `sent`: the request was written, so that it may still be answered; else it never left, or
    nobody knows.
    """

    def __init__(
        self, what: str, *, sent: bool, where: str | None = None, fix: str | None = None
    ) -> None:
        super().__init__(what, where=where, fix=fix)
        self.sent = sent


class RemoteError(SdkError):
    """
    The service that was asked gave the request up.

    `kind` is its exception's class, fully qualified; `reason` is the dead letter's, `attempts`
    how often it tried; `service` may be empty where it did not say who it is.
    """

    def __init__(  # noqa: PLR0913 - what a dead letter says
        self,
        what: str,
        *,
        kind: str,
        reason: str,
        attempts: int,
        service: str,
        where: str | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(what, where=where, fix=fix)
        self.kind = kind
        self.reason = reason
        self.attempts = attempts
        self.service = service


class LocalError(LearnflowError):
    """Kafka on this machine cannot be set up, started or stopped."""


class DownloadError(LocalError):
    """A file could not be fetched; what was fetched so far is kept for the next try."""


class ChecksumError(LocalError):
    """A file's digest is not the locked one; it is not used."""


class JavaError(LocalError):
    """There is no Java here that can run Kafka."""


class StartError(LocalError):
    """A process ended, or did not get ready in time; the message quotes its log."""


class PortTakenError(LocalError):
    """Another program listens on the port."""


class BusyError(LocalError):
    """Another `learnflow` is working on the same cluster right now."""


class StorageError(LocalError):
    """A directory cannot be written, or the disk is full."""
