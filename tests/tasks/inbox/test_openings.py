"""What many connections are given at once is what each would be given alone."""

import random

from sqlalchemy import update

from tasks import inbox
from tasks.database import reading, writing
from tasks.inbox import Cursor, Opening
from tasks.inbox.openings import FEW, opened
from tasks.models import Notification
from tasks.models.types import utcnow
from tests.peers.inbox_rows import messages, person

LIMIT = 5


def pks(rows):
    return [row.pk for row in rows]


def alone(connection, one):
    if one.since is None:
        return pks(inbox.newest(connection, one.recipient_id, limit=LIMIT))
    return pks(inbox.since(connection, one.recipient_id, one.since, limit=LIMIT))


def test_together_is_as_alone(any_app):
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    people = [person(str(n)) for n in range(6)]
    rows = [pk for _ in range(12) for pk in messages(chance.sample(people[1:], 3))]
    with writing() as connection:
        for value in ("archived_at", "deleted_at"):
            connection.execute(update(Notification).where(Notification.pk.in_(chance.sample(rows, 4))).values({value: utcnow()}))
    asked = [Opening(one, None) for one in people]
    for _ in range(60):
        floor = chance.choice([0, *rows])
        ahead = chance.sample(rows, chance.choice([0, 0, 1, 5]))
        asked.append(Opening(chance.choice(people), Cursor(floor, frozenset(pk for pk in ahead if pk > floor))))
    asked += asked[::7]  # a person's second device
    chance.shuffle(asked)
    with reading() as connection:
        assert [pks(rows) for rows in opened(connection, asked, limit=LIMIT)] == [alone(connection, one) for one in asked]
        assert opened(connection, [], limit=LIMIT) == []


def test_a_cursor_with_much_ahead_costs_the_others_nothing(any_app):
    maya, ben = person("maya"), person("ben")
    seen = [pk for _ in range(FEW + 10) for pk in messages([maya])]
    late = messages([maya, ben])
    asked = [Opening(maya, Cursor(seen[0] - 1, frozenset(seen))), Opening(ben, Cursor())]
    with reading() as connection:
        assert [pks(rows) for rows in opened(connection, asked, limit=LIMIT)] == [[late[0]], [late[1]]]
