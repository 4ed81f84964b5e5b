"""Request ids, the log's lines and /metrics: what an operator of the machine sees, and what never stands there."""

import io
import json
import logging
import subprocess
import sys

import pytest

from dashboard import keys
from tasks import logs
from tasks.config import Settings
from tests import factories

PERSON = {"id": "42", "name": "Asha Shrestha", "email": "asha@example.org", "phone": "+9779841234567"}


@pytest.fixture
def lines():
    """Everything logged as JSON while the test runs."""
    stream = io.StringIO()
    logs.init_logging(Settings(log_format="json"), stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logs.unbind()


@pytest.fixture
def client(app):
    _, secret = keys.create_key("shop", ["send", "read"], "test")
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
    return client


def body(**more):
    return {"template_name": "payment_success", "data": {"amount": 5}, "recipient": PERSON, **more}


@pytest.fixture
def template(app):
    factories.rule()
    return factories.template()


def test_every_answer_has_a_request_id_and_the_callers_own_is_kept(client):
    made = client.get("/healthz").headers["X-Request-Id"]
    assert len(made) == 16
    assert client.get("/healthz").headers["X-Request-Id"] != made
    assert client.get("/nowhere/", headers={"X-Request-Id": "order-1001-a"}).headers["X-Request-Id"] == "order-1001-a"


@pytest.mark.parametrize("bad", ["short", "x" * 81, "a b c d e f g", "<script>alert(1)</script>", "näive-id-1"])
def test_what_is_no_id_is_replaced(client, bad):
    assert client.get("/healthz", headers={"X-Request-Id": bad}).headers["X-Request-Id"] != bad


def test_a_send_can_be_followed_through_the_log_by_its_ids(client, template, lines):
    answer = client.post("/notify/", json=body(**{"async": False}), headers={"X-Request-Id": "order-1001"})
    assert answer.status_code == 200
    found = lines()
    [request] = [line for line in found if line["event"] == "request"]
    assert (request["route"], request["status"], request["request_id"]) == ("/notify/", 200, "order-1001")
    [accepted] = [line for line in found if line["event"] == "accepted"]
    assert accepted["notification_ids"] == [answer.json["notification_id"]]
    [delivery] = [line for line in found if line["event"] == "delivery"]
    assert delivery["delivery_id"] == next(kept["id"] for kept in answer.json["deliveries"] if kept["channel"] == "email")
    assert (delivery["state"], delivery["request_id"]) == ("sent", "order-1001")
    assert all({"timestamp", "level", "logger"} <= set(line) for line in found)


def test_no_person_stands_in_the_log(client, template, lines):
    client.post("/notify/", json=body(**{"async": False}))
    client.post("/notify/", json=body(recipient={**PERSON, "email": "not an address"}))
    client.get("/inbox/42/")
    client.get("/recipients/asha@example.org/")
    text = json.dumps(lines())
    assert lines()
    for secret in ("Asha", "asha@", "9841234567", "not an address", "crl_"):
        assert secret not in text


def test_metrics_count_what_happened(client, template):
    def value(line):
        text = client.get("/metrics").get_data(as_text=True)
        return float(next((row.rpartition(" ")[2] for row in text.splitlines() if row.startswith(line)), "0"))

    sent = 'carillon_deliveries_total{channel="email",state="sent"}'
    asked = 'carillon_http_requests_total{method="POST",route="/notify/",status="202"}'
    before = value(sent), value(asked)
    client.post("/notify/", json=body(**{"async": False}))
    client.post("/notify/", json=body())
    assert value(sent) == before[0] + 1
    assert value(asked) == before[1] + 1
    assert value('carillon_deliveries_waiting{channel="email",state="queued"}') == 1


def test_metrics_want_a_key_that_may_read(app):
    assert app.test_client().get("/metrics").status_code == 401
    _, secret = keys.create_key("sender", ["send"], "test")
    assert app.test_client().get("/metrics", headers={"Authorization": f"Bearer {secret}"}).status_code == 403


def test_several_processes_add_up(tmp_path, app, client, template, monkeypatch):
    """Where the folder is set before the start, the library keeps its figures in files; here another process wrote some."""
    code = "from tasks import metrics; metrics.closed([('sms', 'sent')] * 40)"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], check=True, env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)})
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert 'carillon_deliveries_total{channel="sms",state="sent"} 80.0' in client.get("/metrics").get_data(as_text=True)


def test_text_is_for_eyes_and_silent_about_requests(app, client):
    stream = io.StringIO()
    logs.init_logging(Settings(), stream)
    client.get("/nowhere/")
    logging.getLogger("x").warning("the disk is %s", "full")
    assert "the disk is full" in stream.getvalue()
    assert "request" not in stream.getvalue()
