"""What can be wrong with one person, one template or one server of a broadcast: that row says why, and the others go on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, update

from tasks import broadcasts, expand, jobs, rounds, templates
from tasks.audience.erase import erase
from tasks.database import writing
from tasks.errors import CarillonError
from tasks.extensions import db
from tasks.models import Breaker, Broadcast, Delivery, Recipient, Segment, Template
from tasks.models.types import db_clock
from tasks.options import SendOptions
from tasks.proof import prove
from tasks.status import broadcast_status
from tests import factories
from tests.peers.smtp_sink import SmtpSink


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[SmtpSink]:
    with SmtpSink(tmp_path / "accepted", login=("bell", "right")) as running:
        yield running


@pytest.fixture
def settings(sink: SmtpSink) -> dict[str, object]:
    return {"smtp_url": f"smtp://bell:right@127.0.0.1:{sink.port}", "mail_from": "Bell <bell@example.test>"}


def start(audience: object = "all", slug: str = "payment_success", **context: object) -> int:
    return broadcasts.create(audience, slug, context or {"amount": 1}, SendOptions())


def run(pk: int) -> Broadcast:
    jobs.expand_broadcast.call_local(pk)
    while jobs._round("email"):
        pass
    broadcasts.finish()
    return db.session.get_one(Broadcast, pk, populate_existing=True)


def ends(channel: str = "email") -> dict[str, tuple[str, str]]:
    """{the caller's id: (state, reason)}."""
    return {row.notification.user.external_id: (row.state, row.reason) for row in factories.deliveries(channel)}


def proven(pk: int) -> None:
    proof = prove(pk)
    assert proof.holds, [clause for clause in proof.clauses if not clause.holds]
    assert proof.at_rest


def test_an_empty_segment_completes_with_nobody_and_says_so(app: Flask) -> None:
    factories.template()
    factories.rule()
    factories.people(2, country="NP")
    nowhere = {"combinator": "and", "rules": [{"field": "country", "operator": "=", "value": "DE"}]}
    db.session.add(Segment(slug="germany", name="Germany", definition=nowhere))
    db.session.commit()
    pk = start("germany")

    found = run(pk)

    assert (found.state, found.audience_count, factories.deliveries()) == ("completed", 0, [])
    status = broadcast_status(found.id)
    assert status is not None
    assert "Nobody" in status["detail"]
    proven(pk)


def test_it_keeps_its_version_to_the_last_mail_whatever_becomes_of_the_template(app: Flask, sink: SmtpSink) -> None:
    factories.template(title="First", message="The first text.")
    factories.rule()
    factories.people(3)
    pk = start()
    expand.expand(pk, lambda: False, lambda channels: None)
    template = db.session.scalars(select(Template)).one()
    templates.save_version(template, title="Second", message="The second text.", actor="test")
    template.is_active = False
    db.session.commit()

    run(pk)

    assert [mail.parsed["Subject"] for mail in sink.received] == ["First"] * 3
    assert all("The first text." in mail.parsed.get_body(("plain",)).get_content() for mail in sink.received)  # type: ignore[union-attr]
    assert {row.title for row in factories.notifications()} == {"First"}
    with pytest.raises(CarillonError, match="switched off"):
        start()
    proven(pk)


def _deleted(_: int) -> None:
    erase(db.session.scalars(select(Recipient.id).where(Recipient.external_id == "1")).one())


def _switched_off(_: int) -> None:
    with writing() as connection:
        connection.execute(update(Recipient).where(Recipient.external_id == "1").values(is_active=False))


def _without_address(_: int) -> None:
    with writing() as connection:
        connection.execute(update(Recipient).where(Recipient.external_id == "1").values(email=""))


@pytest.mark.parametrize(("change", "reason"), [
    (_deleted, "recipient_deleted"), (_switched_off, "recipient_inactive"), (_without_address, "no_email"),
])
def test_a_person_who_changes_before_their_row_is_written_is_skipped_with_the_reason(
    app: Flask, sink: SmtpSink, change: Callable[[int], None], reason: str
) -> None:
    factories.template()
    factories.rule()
    factories.people(3)
    pk = start()
    turns = iter([False, True])
    expand.expand(pk, lambda: next(turns), lambda channels: None)  # the audience is frozen, and no row is written
    change(pk)

    found = run(pk)

    assert (found.state, found.audience_count) == ("completed", 3)
    assert sorted(ends().values()) == [("sent", ""), ("sent", ""), ("skipped", reason)]
    assert len(sink.accepted) == 2
    proven(pk)


def test_wrong_credentials_fail_nobody_and_all_goes_out_when_they_are_right(app: Flask, sink: SmtpSink) -> None:
    factories.template()
    factories.rule()
    factories.people(20)
    sink.login = ("bell", "changed since")
    pk = start()

    found = run(pk)

    assert found.state == "sending"
    rows = factories.deliveries("email")
    assert {row.state for row in rows} <= {"queued", "retrying"}
    assert max(row.attempt_count for row in rows) <= 1, "only the hand-over that finds it out counts"
    assert "Authentication" in "".join(row.detail for row in rows)
    sink.login = ("bell", "right")
    with writing() as connection:
        connection.execute(update(Breaker).values(next_probe_at=db_clock(-1)))
        connection.execute(update(Delivery).values(next_attempt_at=db_clock()))
    for _ in range(3):
        found = run(pk)
        with writing() as connection:
            connection.execute(update(Breaker).values(next_probe_at=db_clock(-1)))
    assert (found.state, len(sink.accepted)) == ("completed", 20)
    proven(pk)


def test_a_poisonous_person_fails_alone_with_one_attempt_at_most_and_can_be_sent_to_again(app: Flask, sink: SmtpSink) -> None:
    factories.template(
        "hello", title="Hi {{ recipient.name }}", message="Your {{ recipient.attributes.plan }} plan",
        email_subject="Hi {{ recipient.name }}",
        email_text="{{ recipient.attributes.plan }} {{ 100 / recipient.attributes.share }}",
    )
    factories.rule("hello")
    fine = {"plan": "gold", "share": 5}
    for number in range(20):
        factories.person(str(number), name=f"Person {number}", email=f"u{number}@example.test", attributes=fine)
    factories.person("refused", name="R", email="nobody@example.test", attributes=fine)
    factories.person("no attribute", name="N", email="n@example.test")
    factories.person("zero", name="Z", email="z@example.test", attributes={"plan": "gold", "share": 0})
    factories.person("huge", name="H", email="h@example.test", attributes={"plan": "x" * 1_000_000, "share": 5})
    factories.person("header", name="Eve\r\nBcc: all@example.test", email="e@example.test", attributes=fine)
    factories.person("address", name="A", email="two@example.test, three@example.test", attributes=fine)
    pk = start(slug="hello", nothing=0)

    found = run(pk)

    assert found.state == "completed"
    found_ends = ends()
    assert {found_ends[str(number)] for number in range(20)} == {("sent", "")}
    assert found_ends["refused"][0] == "failed"
    assert found_ends["no attribute"] == found_ends["zero"] == ("failed", "render_failed")
    assert found_ends["huge"] == ("failed", "render_failed")
    assert found_ends["address"][0] == "failed"
    assert {row.state for row in factories.deliveries("email")} == {"sent", "failed"}
    for row in factories.deliveries("email"):
        if row.state == "failed":
            assert (len(row.attempts) <= 1, bool(row.detail)) == (True, True), row.notification.user.external_id
    assert not [mail for mail in sink.received if "all@example.test" in mail.recipients or len(mail.recipients) != 1]
    assert not [mail for mail in sink.received if mail.parsed["Bcc"]]
    proven(pk)
    with writing() as connection:
        mended = {"plan": "silver", "share": 2}
        connection.execute(update(Recipient).where(Recipient.external_id.in_(["no attribute", "zero"])).values(attributes=mended))
    rounds.finish(pk, [rounds.Choice(reason="render_failed")], "asha")
    run(pk)
    assert ends()["no attribute"] == ends()["zero"] == ("sent", "")
    proven(pk)
