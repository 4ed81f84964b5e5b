"""OpenTelemetry from outside: its own instrumentation on the app as it is, and spans that show calls and nobody's data."""

from collections.abc import Iterator

import pytest
from flask import Flask
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from tests.dashboard.api.conftest import MAYA, PAYMENT, client_with, seed

CALLER = "4bf92f3577b34da6a3ce929d0e0e4736"  # the trace of whoever called us


@pytest.fixture
def spans(app: Flask) -> Iterator[InMemorySpanExporter]:
    """What was traced of the app's requests."""
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    FlaskInstrumentor().instrument_app(app, tracer_provider=provider)
    yield kept
    FlaskInstrumentor().uninstrument_app(app)
    provider.shutdown()


def test_a_send_is_a_span_of_its_callers_trace(app: Flask, spans: InMemorySpanExporter) -> None:
    seed()
    client = client_with(app, "send")

    answer = client.post(
        "/notify/", json={**PAYMENT, "recipient": MAYA}, headers={"traceparent": f"00-{CALLER}-00f067aa0ba902b7-01"}
    )

    assert answer.status_code == 202, answer.text
    (span,) = spans.get_finished_spans()
    assert (span.name, span.kind) == ("POST /notify/", SpanKind.SERVER)
    assert f"{span.context.trace_id:032x}" == CALLER
    shown = str(dict(span.attributes))
    assert "202" in shown
    for secret in (MAYA["email"], MAYA["phone"], MAYA["tokens"][0], client.environ_base["HTTP_AUTHORIZATION"].split()[1]):
        assert secret not in shown


def test_a_refusal_is_the_callers_error_and_not_ours(app: Flask, spans: InMemorySpanExporter) -> None:
    seed()

    client_with(app, "send").post("/notify/", json={"template_name": "payment_success"})

    (span,) = spans.get_finished_spans()
    assert "422" in str(dict(span.attributes))
    assert span.status.status_code is not StatusCode.ERROR
