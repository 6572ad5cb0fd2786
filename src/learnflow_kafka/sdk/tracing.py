"""
Traces over Kafka, by OpenTelemetry.

    Settings(observers=(Tracing(),))

One trace leads from whoever sends an event to its handler, its retries, its dead letter, and
the handler after a replay: the context travels in the event's envelope (`traceparent`), which
stays with the record on all these ways. Names and attributes follow OpenTelemetry's conventions
for messaging. There is a span for each event that is sent or handled, none for polls, and no
key or payload in any of them.

Needs `opentelemetry-api`; without an SDK set up by the program nothing is recorded.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from learnflow_kafka.errors import MissingExtraError
from learnflow_kafka.sdk.envelope import TRACEPARENT, TRACESTATE, EnvelopeFault, unwrap
from learnflow_kafka.sdk.observing import Observer, Sending

try:
    from opentelemetry import trace
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanKind, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError as error:
    raise MissingExtraError(
        f"tracing needs {error.name!r}, which is not installed",
        fix='pip install "learnflow-kafka[tracing]"',
    ) from error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.trace import Span, Tracer, TracerProvider

    from learnflow_kafka.sdk.contract import AnyTopic, Exchange
    from learnflow_kafka.sdk.delivery import Delivery
    from learnflow_kafka.sdk.observing import FailedTry

__all__ = ["Tracing"]

_PROPAGATOR: Final = TraceContextTextMapPropagator()

_SYSTEM: Final[dict[str, str | int]] = {"messaging.system": "kafka"}
_OPERATION: Final = "messaging.operation.name"
_TYPE: Final = "messaging.operation.type"
_DESTINATION: Final = "messaging.destination.name"
_PARTITION: Final = "messaging.destination.partition.id"
_OFFSET: Final = "messaging.kafka.offset"
_GROUP: Final = "messaging.consumer.group.name"
_MESSAGE: Final = "messaging.message.id"
_ERROR: Final = "error.type"
_ATTEMPT: Final = "learnflow.attempt"
_REASON: Final = "learnflow.dead_letter.reason"


class Tracing(Observer):
    """
    Records spans with the program's tracer provider, or with the one given.

    `send TOPIC` for each event sent, from its encoding to its acknowledgement; `process TOPIC`
    for each call of a handler; `send TOPIC` again, without duration, for an event that goes to a
    retry topic or to the dead letters; `ask TOPIC` around a request and its reply.
    """

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._tracer: Tracer = trace.get_tracer("learnflow_kafka.sdk", tracer_provider=provider)

    def sending(self, topic: AnyTopic) -> Sending:
        """A span of its own, whose context travels with the event."""
        attributes = _SYSTEM | {_OPERATION: "send", _TYPE: "send", _DESTINATION: topic.name}
        span = self._tracer.start_span(
            f"send {topic.name}", kind=SpanKind.PRODUCER, attributes=attributes
        )
        return _TracedSending(span)

    @contextmanager
    def handling(self, delivery: Delivery) -> Iterator[None]:
        """A child of the span that sent the event, and the handler's current span."""
        attributes: dict[str, str | int] = _SYSTEM | {
            _OPERATION: "process",
            _TYPE: "process",
            _DESTINATION: delivery.topic,
            _PARTITION: str(delivery.partition),
            _OFFSET: delivery.offset,
            _GROUP: delivery.group,
            _ATTEMPT: delivery.attempt,
        }
        said = delivery.attributes
        if said.id is not None:
            attributes[_MESSAGE] = said.id
        with (
            self._tracer.start_as_current_span(
                f"process {delivery.topic}",
                context=_context(said.traceparent, said.tracestate),
                kind=SpanKind.CONSUMER,
                attributes=attributes,
                record_exception=False,
                set_status_on_exception=False,
            ) as span,
            _blamed(span),
        ):
            yield

    def failed(self, failed: FailedTry) -> None:
        """A mark in the trace where an event goes to another topic."""
        if failed.to is None:
            return
        attributes: dict[str, str | int] = _SYSTEM | {
            _OPERATION: "send",
            _TYPE: "send",
            _DESTINATION: failed.to,
            _GROUP: failed.group,
            _OFFSET: failed.offset,
            _PARTITION: str(failed.partition),
            _ERROR: _name(failed.error),
            _ATTEMPT: failed.attempt,
        }
        if failed.reason is not None:
            attributes[_REASON] = failed.reason.value
        span = self._tracer.start_span(
            f"send {failed.to}",
            context=_context_of(failed),
            kind=SpanKind.PRODUCER,
            attributes=attributes,
        )
        span.end()

    @contextmanager
    def asking(self, exchange: Exchange[Any, Any]) -> Iterator[None]:
        """A span around the request and the wait for its reply."""
        topic = exchange.request.name
        attributes = _SYSTEM | {_OPERATION: "ask", _DESTINATION: topic}
        with (
            self._tracer.start_as_current_span(
                f"ask {topic}",
                kind=SpanKind.CLIENT,
                attributes=attributes,
                record_exception=False,
                set_status_on_exception=False,
            ) as span,
            _blamed(span),
        ):
            yield


class _TracedSending(Sending):
    def __init__(self, span: Span) -> None:
        self._span = span

    def trace(self) -> Mapping[str, str]:
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, context=trace.set_span_in_context(self._span, Context()))
        return carrier

    def settled(self, error: BaseException | None) -> None:
        if error is not None:
            _blame(self._span, error)
        self._span.end()


@contextmanager
def _blamed(span: Span) -> Iterator[None]:
    """Put the class of an error on the span; its message may hold what students wrote."""
    try:
        yield
    except BaseException as error:
        _blame(span, error)
        raise


def _blame(span: Span, error: BaseException) -> None:
    span.set_status(StatusCode.ERROR, _name(error))
    span.set_attribute(_ERROR, _name(error))


def _name(error: BaseException) -> str:
    kind = type(error)
    return f"{kind.__module__}.{kind.__qualname__}"


def _context(traceparent: str | None, tracestate: str | None) -> Context:
    """The sender's context; an empty one where the event has none, so that a trace begins."""
    carrier = {
        name: text
        for name, text in ((TRACEPARENT, traceparent), (TRACESTATE, tracestate))
        if text is not None
    }
    return _PROPAGATOR.extract(carrier, context=Context())


def _context_of(failed: FailedTry) -> Context:
    try:
        said = unwrap(failed.value, failed.headers).attributes
    except EnvelopeFault:
        return Context()
    return _context(said.traceparent, said.tracestate)
