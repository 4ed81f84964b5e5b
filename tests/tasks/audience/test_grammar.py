"""The grammar against a brute-force reading of the same rules in Python, on both databases; and what it refuses."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tasks.audience.grammar import compile_definition, freeze_definition
from tasks.audience.rule import OPPOSITES
from tasks.database import reading, writing
from tasks.errors import InvalidAudience
from tasks.extensions import db
from tasks.models import Device, OptOut, Recipient

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEXTS = [
    "", "Ann", "ann", "ANN", "a%n", "a_n", "a\\n", "Åse", "åse", "Zoë", "zz", "नेपाल", "10", "9", "a,b", "'; --", 'x"y', "😀", "ﬁ",
]
NUMBERS = [0, -1, 1, 9, 10, 10.5, 0.25, 2**53 + 1, 2**62]
SCALARS = [*TEXTS, *NUMBERS, True, False, None]
KEYS = ["plan", "n", "Home City", "घर", "a-b", "é", "0"]
COUNTRIES = ["NP", "IN", "DE", ""]
LOWER = {ord(upper): ord(upper) + 32 for upper in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def people():
    """Random people, the same in every run: rows of recipients, with what hangs on them."""
    chance = random.Random(7)
    for pk in range(1, 121):
        attributes = {key: chance.choice(SCALARS) for key in KEYS if chance.random() < 0.6}
        attributes["deep"] = {"er": {"still": chance.choice(SCALARS)}, "list": [1, "Ann"]} if pk % 3 else chance.choice(SCALARS)
        yield {
            "id": pk, "external_id": f"{chance.choice(['u', 'U', '1'])}{pk}", "name": chance.choice(TEXTS),
            "email": chance.choice(["", f"p{pk}@example.test", f"P{pk}@Shop.test"]),
            "phone": chance.choice(["", "+9779841234567"]),
            "locale": chance.choice(["", "ne", "en-GB", "en"]), "timezone": chance.choice(["", "Asia/Kathmandu", "UTC"]),
            "country": chance.choice(COUNTRIES), "attributes": attributes,
            "created_at": NOW - timedelta(hours=chance.choice([0, 1, 24, 25, 47, 48, 99]), microseconds=chance.choice([0, 1])),
            "is_active": True, "updated_at": NOW,
            "device": chance.choice([None, True, False]), "opted_out": chance.choice([None, "*", "sms"]),
        }


def store(rows):
    columns = {column.name for column in Recipient.__table__.columns}
    with writing() as connection:
        connection.execute(
            Recipient.__table__.insert(), [{name: row[name] for name in row if name in columns} for row in rows]
        )
        connection.execute(
            Device.__table__.insert(),
            [
                {"recipient_id": row["id"], "token": f"t{row['id']}", "is_active": row["device"]}
                for row in rows if row["device"] is not None
            ],
        )
        connection.execute(
            OptOut.__table__.insert(),
            [
                {"recipient_id": row["id"], "notification_type": "offer", "channel": row["opted_out"]}
                for row in rows if row["opted_out"]
            ],
        )


def kind(value):
    return next((name for name, types in (("b", bool), ("s", str), ("n", int | float)) if isinstance(value, types)), None)


def same_kind(left, right):
    return kind(left) is not None and kind(left) == kind(right)


def positive(operator, found, values):
    """One positive operator, the plain way."""
    if operator == "null":
        return found in (None, "") and not isinstance(found, bool)
    alike = [value for value in values if same_kind(found, value)]
    if operator == "in":
        return any(found == value for value in alike)
    if len(alike) != len(values):
        return False
    lower = [text.translate(LOWER) for text in (found, *values)] if isinstance(found, str) else []
    return {
        "=": lambda: found == values[0], "<": lambda: found < values[0], ">": lambda: found > values[0],
        "<=": lambda: found <= values[0], ">=": lambda: found >= values[0], "between": lambda: values[0] <= found <= values[1],
        "contains": lambda: lower[1] in lower[0], "beginsWith": lambda: lower[0].startswith(lower[1]),
        "endsWith": lambda: lower[0].endswith(lower[1]),
    }[operator]()


def look_up(row, field):
    if field == "id":
        return row["external_id"]
    if field.startswith("attributes."):
        found = row["attributes"]
        for name in field.split(".")[1:]:
            found = found.get(name) if isinstance(found, dict) else None
        return found
    flags = {
        "has_email": row["email"] != "", "has_phone": row["phone"] != "", "has_device": row["device"] is True,
        "created_at": row["created_at"],
    }
    return flags[field] if field in flags else row[field]


def moment(operator, found, values):
    spans = []
    for value in values:
        if value.startswith("-"):
            begin = end = NOW - timedelta(days=int(value[1:-1]))
        else:
            begin = datetime.fromisoformat(value).replace(tzinfo=UTC)
            end = begin + timedelta(days=1) - timedelta(microseconds=1) if len(value) == 10 else begin
        spans.append((begin, end))
    (first, first_end), last_end = spans[0], spans[-1][1]
    return {
        "=": first <= found <= first_end, "between": first <= found <= last_end, "<": found < first, ">": found > first_end,
        "<=": found <= first_end, ">=": found >= first,
    }[operator]


def matches(definition, row):
    """The whole definition, the plain way."""
    if "rules" in definition:
        parts = [matches(rule, row) for rule in definition["rules"]]
        return (all(parts) if definition["combinator"] == "and" else any(parts)) != definition.get("not", False)
    operator, value, field = definition["operator"], definition.get("value"), definition["field"]
    plain = OPPOSITES.get(operator, operator)
    values = value if isinstance(value, list) else [value]
    if field == "subscribed_to":
        found = not (row["opted_out"] == "*" and value == "offer")
    elif field == "created_at":
        found = moment(plain, row["created_at"], values)
    else:
        found = positive(plain, look_up(row, field), values)
    return found != (operator in OPPOSITES)


def rules():
    text = st.sampled_from([value for value in TEXTS if "," not in value])
    texts = st.lists(text, min_size=1, max_size=4)
    number = st.sampled_from(NUMBERS)
    scalar = st.sampled_from([value for value in SCALARS if value is not None])
    orders = ["<", ">", "<=", ">="]
    searches = ["contains", "beginsWith", "endsWith", "doesNotContain", "doesNotBeginWith", "doesNotEndWith"]

    def rule(fields, operators, values):
        return st.fixed_dictionaries(
            {"field": st.sampled_from(fields), "operator": st.sampled_from(operators), "value": values}
        )

    columns = ["id", "name", "email", "locale", "timezone"]
    attributes = [*(f"attributes.{key}" for key in KEYS), "attributes.deep.er.still", "attributes.deep", "attributes.none.at"]
    days = st.sampled_from(["2026-03-01", "2026-02-28", "2026-02-27", "-1d", "-2d", "2026-02-28T12:00:00"])
    return st.one_of(
        rule(columns, ["=", "!=", *orders, *searches, "null", "notNull"], text),
        rule(columns, ["in", "notIn"], texts),
        rule(columns, ["between", "notBetween"], st.lists(text, min_size=2, max_size=2)),
        rule(["country"], ["=", "!="], st.sampled_from(COUNTRIES)),
        rule(attributes, ["=", "!=", "null", "notNull"], scalar),
        rule(attributes, [*orders, *searches], text),
        rule(attributes, orders, number),
        rule(attributes, ["in", "notIn"], st.lists(scalar, min_size=1, max_size=4)),
        rule(attributes, ["between", "notBetween"], st.lists(number, min_size=2, max_size=2)),
        rule(attributes, ["between", "notBetween"], st.lists(text, min_size=2, max_size=2)),
        rule(["created_at"], ["=", "!=", *orders], days),
        rule(["created_at"], ["between", "notBetween"], st.lists(days, min_size=2, max_size=2)),
        rule(["has_email", "has_phone", "has_device"], ["=", "!="], st.booleans()),
        rule(["subscribed_to"], ["=", "!="], st.sampled_from(["offer", "news"])),
    )


def groups(children):
    return st.fixed_dictionaries(
        {"combinator": st.sampled_from(["and", "or"]), "not": st.booleans(), "rules": st.lists(children, min_size=1, max_size=4)}
    )


DEFINITIONS = groups(st.recursive(rules(), groups, max_leaves=8))


def found_by_sql(definition):
    condition = compile_definition(definition, db.engine.dialect.name, now=NOW)
    with reading() as connection:
        return set(connection.execute(select(Recipient.id).where(condition)).scalars())


def test_sql_finds_whom_brute_force_finds(any_app):
    rows = list(people())
    store(rows)

    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
    @given(DEFINITIONS)
    def agree(definition):
        found = found_by_sql(definition)
        assert found == {row["id"] for row in rows if matches(definition, row)}
        opposite = {**definition, "not": not definition["not"]}
        assert found_by_sql(opposite) == {row["id"] for row in rows} - found
        assert found_by_sql(freeze_definition(definition, NOW)) == found

    agree()


def one(field, operator, value=None, **more):
    return {"combinator": "and", "rules": [{"field": field, "operator": operator, "value": value, **more}]}


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (one("attributes.n", ">", 9), {"ten"}),
        (one("attributes.n", ">", "9"), {"text"}),  # "10" is not text after "9"; "9a" is
        (one("attributes.n", "=", True), {"yes"}),
        (one("attributes.n", "=", 1), set()),
        (one("attributes.n", "!=", 10), {"text", "yes", "none"}),
        (one("attributes.n", "null"), {"none"}),
        (one("attributes.n", "in", [10, True]), {"ten", "yes"}),
        (one("id", "in", "ten, yes"), {"ten", "yes"}),  # react-querybuilder joins lists with commas
        (one("country", "=", "np"), {"ten"}),
        (one("name", "contains", "%"), {"text"}),
        (one("name", "contains", "_"), set()),
        (one("name", "beginsWith", "ANN"), {"ten"}),
    ],
)
def test_telling_cases(any_app, definition, expected):
    base = {"created_at": NOW, "updated_at": NOW, "country": ""}
    with writing() as connection:
        connection.execute(
            Recipient.__table__.insert(),
            [
                {**base, "external_id": "ten", "name": "ann", "country": "NP", "attributes": {"n": 10}},
                {**base, "external_id": "text", "name": "100%", "attributes": {"n": "9a"}},
                {**base, "external_id": "yes", "name": "", "attributes": {"n": True}},
                {**base, "external_id": "none", "name": "", "attributes": {}},
            ],
        )
        rows = dict(connection.execute(select(Recipient.id, Recipient.external_id)).all())
    assert {rows[pk] for pk in found_by_sql(definition)} == expected


def nested(depth):
    return {"combinator": "and", "rules": [nested(depth - 1) if depth > 1 else one("id", "=", "1")["rules"][0]]}


WRONG = [
    ("no object", "", "rules"),
    ([], "", "rules"),
    ({}, "", "rules"),
    ({"rules": []}, "/combinator", "and"),
    ({"combinator": "and", "rules": []}, "/rules", "all"),
    ({"combinator": "xor", "rules": [1]}, "/combinator", "and"),
    ({"combinator": "and", "rules": [1]}, "/rules/0", "field"),
    ({"combinator": "and", "rules": [{}]}, "/rules/0/field", "country"),
    ({"combinator": "and", "not": "yes", "rules": [1]}, "/not", "true or false"),
    ({"combinator": "and", "sql": "1=1", "rules": [1]}, "/sql", "only"),
    ({"rules": [one("id", "=", "1")["rules"][0], "and", one("id", "=", "2")["rules"][0]]}, "/combinator", "and"),
    (nested(9), "/rules/0" * 8, "8 levels"),
    ({"combinator": "or", "rules": [one("id", "=", "1")["rules"][0]] * 101}, "", "100 rules"),
    ({"combinator": "or", "rules": [one("id", "in", ["x"] * 999)["rules"][0]] * 6}, "", "5000 values"),
    (one("password_hash", "=", "x"), "/rules/0/field", "country"),
    (one("id; drop table recipients", "=", "x"), "/rules/0/field", "country"),
    (one("is_active", "=", True), "/rules/0/field", "country"),
    (one("attributes.", "=", "x"), "/rules/0/field", "attributes.<name>"),
    (one("attributes.a.b.c.d", "=", "x"), "/rules/0/field", "3 names"),
    (one('attributes.a"b', "=", "x"), "/rules/0/field", "quotation"),
    (one("attributes.list.0", "=", 1), "/rules/0/field", "positions"),
    (one("name", "regex", "x"), "/rules/0/operator", "beginsWith"),
    (one("name", ["="], "x"), "/rules/0/operator", "beginsWith"),
    (one("name", "=", 1), "/rules/0/value", "quotation"),
    (one("name", "=", None), "/rules/0/value", "Give text"),
    (one("name", "=", {"$ne": ""}), "/rules/0/value", "Give text"),
    (one("name", "=", "x" * 501), "/rules/0/value", "500"),
    (one("name", "=", "a\x00b"), "/rules/0/value", "Give text"),
    (one("name", "=", "\ud800"), "/rules/0/value", "Give text"),
    (one("attributes.n", "=", float("nan")), "/rules/0/value", "Give text"),
    (one("attributes.n", "=", 10**400), "/rules/0/value", "Give text"),
    (one("attributes.n", "<", True), "/rules/0/value", "numbers"),
    (one("attributes.n", "between", [1, "x"]), "/rules/0/value", "numbers"),
    (one("attributes.n", "contains", 1), "/rules/0/value", "quotation"),
    (one("name", "in", []), "/rules/0/value", "list"),
    (one("name", "in", ["x"] * 1001), "/rules/0/value", "1000"),
    (one("name", "in", ["x", None]), "/rules/0/value/1", "Give text"),
    (one("name", "between", ["a"]), "/rules/0/value", "lower"),
    (one("created_at", "=", "yesterday"), "/rules/0/value", "2026-01-31"),
    (one("created_at", "=", 5), "/rules/0/value", "2026-01-31"),
    (one("created_at", ">", "-999999w"), "/rules/0/value", "2026-01-31"),
    (one("created_at", "=", "9999-12-31"), "/rules/0/value", "2026-01-31"),
    (one("created_at", "contains", "2026"), "/rules/0/operator", "between"),
    (one("created_at", "null"), "/rules/0/operator", "between"),
    (one("has_email", "=", "yes"), "/rules/0/value", "true"),
    (one("has_device", ">", True), "/rules/0/value", "true"),
    (one("subscribed_to", "=", ""), "/rules/0/value", "special_offer"),
    (one("name", "=", "x", valueSource="field"), "/rules/0/valueSource", "only"),
    (one("name", "=", "x", muted=True), "/rules/0/muted", "only"),
]


@pytest.mark.parametrize(("definition", "pointer", "remedy"), WRONG, ids=range(len(WRONG)))
@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_what_is_not_allowed_is_refused_with_a_pointer_and_a_remedy(definition, pointer, remedy, dialect):
    with pytest.raises(InvalidAudience) as caught:
        compile_definition(definition, dialect, at="/audience")
    assert caught.value.field == f"/audience{pointer}"
    assert remedy in caught.value.remedy


def test_values_are_only_ever_bound(app):
    evil = "x') OR 1=1; DROP TABLE recipients; --"
    fields = ("name", "attributes.plan", f"attributes.{evil[:20]}")
    wanted = [one(field, operator, evil) for field in fields for operator in ("=", "contains", "<", "in")]
    definition = {"combinator": "or", "rules": [*wanted, one("subscribed_to", "!=", evil)]}
    for dialect in (db.engine.dialect.name, "postgresql"):
        sql = str(compile_definition(definition, dialect).compile(compile_kwargs={"literal_binds": False}))
        assert "DROP" not in sql
        assert "OR 1" not in sql
    assert found_by_sql(definition) == set()


def test_a_frozen_definition_keeps_its_instants():
    wanted = [one("created_at", "between", "-7d,-1d"), one("created_at", ">", "-12h"), one("name", "=", "-1d")]
    definition = {"combinator": "and", "rules": wanted}
    frozen = freeze_definition(definition, NOW)
    assert frozen["rules"][0]["rules"][0]["value"] == ["2026-02-22T12:00:00+00:00", "2026-02-28T12:00:00+00:00"]
    assert frozen["rules"][1]["rules"][0]["value"] == "2026-03-01T00:00:00+00:00"
    assert frozen["rules"][2]["rules"][0]["value"] == "-1d"
    assert definition["rules"][1]["rules"][0]["value"] == "-12h"
