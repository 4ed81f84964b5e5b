"""Who is online, asked by a service: a thousand people in one call, wherever they are connected."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, insert, select, update

from tasks import presence
from tasks.database import reading, writing
from tasks.extensions import db
from tasks.ledger import processes
from tasks.models import Process, Recipient
from tasks.models.types import db_clock
from tests.peers.inbox_rows import person


def test_a_thousand_people_are_asked_about_in_one_call(any_service: FlaskClient) -> None:
    with writing() as connection:
        connection.execute(insert(Recipient), [{"external_id": str(number)} for number in range(1_000)])
    with reading() as connection:
        rows = {row.external_id: row.id for row in connection.execute(select(Recipient.external_id, Recipient.id))}
    one, other, dead = (processes.register("web") for _ in range(3))
    for place, (who, process) in enumerate({"7": one, "8": one, "900": other, "901": dead}.items()):
        presence.came(f"sid{place}", rows[who], process)
    presence.came("second device", rows["7"], other)
    with writing() as connection:
        connection.execute(update(Process).where(Process.id == dead).values(heartbeat_at=db_clock(-61)))
    statements: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))

    asked = [str(number) for number in range(999, -1, -1)]
    answer = any_service.post("/presence/", json={"ids": asked})

    assert (answer.status_code, answer.json) == (200, {"online": ["900", "8", "7"]})
    assert len([one for one in statements if "connections" in one]) == 1


def test_nobody_and_the_unknown_are_not_online(any_service: FlaskClient) -> None:
    presence.came("sid", person("42"), processes.register("web"))

    assert any_service.post("/presence/", json={"ids": []}).json == {"online": []}
    assert any_service.post("/presence/", json={"ids": ["nobody", 42, "42", "43"]}).json == {"online": ["42"]}


@pytest.mark.parametrize(("body", "field"), [
    ({}, "/ids"), ({"ids": "42"}, "/ids"), ({"ids": [""]}, "/ids/0"), ({"ids": ["42"] * 1_001}, "/ids"),
    ({"ids": ["4\x002"]}, "/ids/0"), ({"ids": [], "who": 1}, "/who"),
])
def test_what_is_no_list_of_people_is_refused(service: FlaskClient, body: object, field: str) -> None:
    answer = service.post("/presence/", json=body)

    assert (answer.status_code, answer.json["field"]) == (422, field)
