"""What a caller may say of a person, in every form, and what is refused with which words."""

import uuid
from dataclasses import dataclass, field
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.audience.description import KNOWN, Description, describe
from tasks.errors import InvalidRecipient
from tasks.models import Recipient
from tests.conftest import make_settings

CONFIG = make_settings(default_region="NP")


def said(**fields):
    return describe({"id": "42", **fields}, CONFIG).fields


@pytest.mark.parametrize(
    ("user", "external_id"),
    [("42", "42"), (42, "42"), (-1, "-1"), ("a/b ü", "a/b ü"), (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007")],
)
def test_a_bare_id_must_be_known_already(user, external_id):
    assert describe(user, CONFIG) == Description(external_id, {}, None, creates=False)


def test_a_row_is_a_bare_id():
    row = Recipient(external_id="7", name="Ann", email="not even looked at")
    assert describe(row, CONFIG) == Description("7", {}, None, creates=False)


def test_a_mapping_gives_exactly_the_columns_it_names():
    assert describe({"id": 1}, CONFIG) == Description("1", {}, None, creates=True)
    full = {
        "id": "1", "name": " Ann ", "email": "Ann@Example.ORG", "phone": "984-1234567", "locale": "pt_br",
        "timezone": "asia/kathmandu", "country": "np", "attributes": {"plan": "pro", "deep": {"er": [1, None]}},
        "channel": "email", "data": {"x": 1},
        "tokens": ["a", {"token": "b", "kind": "fid"}, "a"],
    }
    assert describe(full, CONFIG) == Description(
        "1",
        {
            "name": "Ann", "email": "Ann@example.org", "phone": "+9779841234567", "locale": "pt-BR", "timezone": "Asia/Kathmandu",
            "country": "NP", "attributes": {"plan": "pro", "deep": {"er": [1, None]}},
        },
        (("a", "token"), ("b", "fid")),
    )


def test_null_and_empty_clear():
    assert said(name=None, email="", phone=" ", country=None) == {"name": "", "email": "", "phone": "", "country": ""}
    assert said(attributes=None) == {}
    assert describe({"id": 1, "tokens": None}, CONFIG).tokens is None
    assert describe({"id": 1, "tokens": []}, CONFIG).tokens == ()


@pytest.mark.parametrize(
    ("fields", "phone"),
    [
        ({"phone": "9841234567"}, "+9779841234567"), ({"phone": 9841234567}, "+9779841234567"),
        ({"phone": "+977 984-1234567"}, "+9779841234567"), ({"phone": "00977 984 1234567"}, "+9779841234567"),
        ({"phone": "0151 23456789", "country": "DE"}, "+4915123456789"), ({"phone": "+49 151 23456789"}, "+4915123456789"),
        ({"phone": "98765 43210", "country": "in"}, "+919876543210"), ({"phone": "01-4123456"}, "+97714123456"),
        ({"phone": "९८४१२३४५६७"}, "+9779841234567"),
    ],
)
def test_numbers_become_e164_by_the_persons_country_first(fields, phone):
    assert said(**fields)["phone"] == phone


@pytest.mark.parametrize(
    "address",
    [
        "ann@example.test", "ann@localhost", "ann@mail.invalid", "ann@shop.local", "ann@shop.example", "ann+x@example.com",
        "नाम@example.org", "o'x@a.co",
    ],
)
def test_addresses_that_are_taken(address):
    assert said(email=address) == {"email": address}


@pytest.mark.parametrize(
    ("locale", "normal"),
    [("NE", "ne"), ("en_gb", "en-GB"), ("zh-hant-tw", "zh-Hant-TW"), ("es-419", "es-419"), ("sl-rozaj", "sl-rozaj")],
)
def test_language_tags_in_their_own_spelling(locale, normal):
    assert said(locale=locale) == {"locale": normal}


WRONG = [
    ({"id": None}, "recipient.id", "no id"), ({}, "recipient.id", "no id"), ({"id": ""}, "recipient.id", "no id"),
    ({"id": True}, "recipient.id", "bool"), ({"id": 4.2}, "recipient.id", "float"), ({"id": ["1"]}, "recipient.id", "list"),
    ({"id": " 1"}, "recipient.id", "blanks"), ({"id": "x" * 201}, "recipient.id", "201"),
    ({"id": "a\nb"}, "recipient.id", "control"), ({"id": "a\x00"}, "recipient.id", "control"),
    ({"id": "\ud800"}, "recipient.id", "control"), ({"id": 1, "mail": "x"}, "recipient.mail", "mail"),
    ({"id": 1, 2: "x"}, "recipient.2", "Unknown: 2"), ({"id": 1, "external_id": "2"}, "recipient.external_id", "external_id"),
    ({"id": 1, "name": "a\r\nBcc: x"}, "recipient.name", "line break"), ({"id": 1, "name": ["x"]}, "recipient.name", "list"),
    ({"id": 1, "name": "x" * 321}, "recipient.name", "321"), ({"id": 1, "name": True}, "recipient.name", "bool"),
    ({"id": 1, "email": "nope"}, "recipient.email", "nope"),
    ({"id": 1, "email": "a@b.c, d@e.f"}, "recipient.email", "e-mail"),
    ({"id": 1, "email": "alice@x)bob@y"}, "recipient.email", "e-mail"),
    ({"id": 1, "email": "Ann <a@b.org>"}, "recipient.email", "e-mail"),
    ({"id": 1, "email": "a@b.org\nBcc: c@d.org"}, "recipient.email", "line break"),
    ({"id": 1, "email": "a@[127.0.0.1]"}, "recipient.email", "e-mail"),
    ({"id": 1, "email": "@test"}, "recipient.email", "e-mail"),
    ({"id": 1, "email": "a..b@x.test"}, "recipient.email", "e-mail"), ({"id": 1, "phone": "12"}, "recipient.phone", "NP"),
    ({"id": 1, "phone": "+977 1"}, "recipient.phone", "phone number"),
    ({"id": 1, "phone": "+999 123456789"}, "recipient.phone", "phone number"),
    ({"id": 1, "phone": "call me"}, "recipient.phone", "phone"), ({"id": 1, "phone": 984.5}, "recipient.phone", "float"),
    ({"id": 1, "phone": "98412345678", "country": "US"}, "recipient.phone", "US"),
    ({"id": 1, "timezone": "Kathmandu"}, "recipient.timezone", "time zone"),
    ({"id": 1, "timezone": "../etc/passwd"}, "recipient.timezone", "zone"),
    ({"id": 1, "timezone": "localtime"}, "recipient.timezone", "zone"),
    ({"id": 1, "locale": "nepali please"}, "recipient.locale", "tag"), ({"id": 1, "locale": "e"}, "recipient.locale", "tag"),
    ({"id": 1, "country": "Nepal"}, "recipient.country", "code"), ({"id": 1, "country": "ZZ"}, "recipient.country", "code"),
    ({"id": 1, "attributes": ["x"]}, "recipient.attributes", "object"),
    ({"id": 1, "attributes": {"a": object()}}, "recipient.attributes.a", "object is not JSON"),
    ({"id": 1, "attributes": {"a": {"b": float("nan")}}}, "recipient.attributes.a.b", "infinite"),
    ({"id": 1, "attributes": {"a": 2**63}}, "recipient.attributes.a", "63 bits"),
    ({"id": 1, "attributes": {"": 1}}, "recipient.attributes", "name"),
    ({"id": 1, "attributes": {1: 1}}, "recipient.attributes", "name"),
    ({"id": 1, "attributes": {"a": "\x00"}}, "recipient.attributes.a", "stored"),
    ({"id": 1, "attributes": {"a": "x" * 33_000}}, "recipient.attributes", "bytes"),
    ({"id": 1, "tokens": "abc"}, "recipient.tokens", "list"), ({"id": 1, "tokens": ["x"] * 51}, "recipient.tokens", "many"),
    ({"id": 1, "tokens": [""]}, "recipient.tokens.0", "token"),
    ({"id": 1, "tokens": [{"token": "x", "kind": "apns"}]}, "recipient.tokens.0", "token"),
    ({"id": 1, "tokens": ["x", None]}, "recipient.tokens.1", "token"), (None, "recipient", "NoneType"),
    (4.2, "recipient", "float"), (["1"], "recipient", "list"), (True, "recipient", "bool"), ("", "recipient", "no id"),
    (SimpleNamespace(id=None), "recipient.id", "no id"), (b"42", "recipient", "bytes"),
]


@pytest.mark.parametrize(("user", "where", "detail"), WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_named_with_its_field_and_a_remedy(user, where, detail):
    with pytest.raises(InvalidRecipient) as caught:
        describe(user, CONFIG)
    assert caught.value.field == where
    assert detail in caught.value.detail
    assert caught.value.remedy


def test_deep_attributes_are_refused_before_they_overflow():
    deep = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(InvalidRecipient, match="too deeply"):
        said(attributes={"a": deep})


def test_the_field_begins_where_the_caller_says():
    with pytest.raises(InvalidRecipient) as caught:
        describe({"id": 1, "email": "x"}, CONFIG, at="/recipients/3")
    assert caught.value.field == "/recipients/3.email"


def test_unknown_keys_pass_where_the_caller_is_not_strict():
    assert describe({"id": 1, "is_staff": True, "email": "a@b.org"}, CONFIG, strict=False).fields == {"email": "a@b.org"}


@dataclass
class User:
    """As an application's own user class may look."""

    id: int = 42
    email: str = ""
    phone: object = None
    timezone: object = ZoneInfo("Asia/Kathmandu")
    tokens: object = ()
    attributes: dict = field(default_factory=dict)
    password: str = "never read"

    def name(self):
        return "a method"


def test_of_an_object_only_plain_values_are_read():
    assert describe(User(), CONFIG) == Description("42", {"timezone": "Asia/Kathmandu"}, None)
    number = phonenumbers.parse("9841234567", "NP")
    found = describe(User(email="a@b.org", phone=number, tokens=["t"], attributes={"a": 1}), CONFIG)
    assert found.fields == {"email": "a@b.org", "phone": "+9779841234567", "timezone": "Asia/Kathmandu", "attributes": {"a": 1}}
    assert found.tokens == (("t", "token"),)
    assert describe(User(tokens=object(), attributes="x", phone=object()), CONFIG).fields == {"timezone": "Asia/Kathmandu"}  # type: ignore[arg-type]


def test_an_objects_bad_address_is_refused_like_any_other():
    with pytest.raises(InvalidRecipient) as caught:
        describe(User(email="nope"), CONFIG)
    assert caught.value.field == "recipient.email"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10,
)


@given(JSON | st.dictionaries(st.sampled_from(KNOWN), JSON))
def test_whatever_json_comes_it_is_described_or_refused_by_name(user):
    refused = None
    try:
        found = describe(user, CONFIG)
    except InvalidRecipient as error:
        refused = error
    if refused is None:
        assert 1 <= len(found.external_id) <= 200
    else:
        assert refused.field.startswith("recipient")
        assert refused.remedy
