"""What a caller says of a person, brought into one form: an id, a mapping, a Recipient, or any object with `.id`."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers

from tasks.audience.addresses import normal_country, normal_email, normal_locale, normal_phone, normal_timezone
from tasks.audience.plain import plain_attributes, plain_text
from tasks.config import Settings
from tasks.errors import InvalidRecipient
from tasks.models import Recipient

COLUMNS = ("name", "email", "phone", "locale", "timezone", "country", "attributes")
KNOWN = ("id", *COLUMNS, "tokens")
OF_THE_MESSAGE = ("channel", "data")  # they travel with the recipient and say nothing of the person
KINDS = ("token", "fid")
MAX_ID, MAX_TEXT, MAX_TOKEN, MAX_TOKENS = 200, 320, 4096, 50

Normal = Callable[[str, str], str]
NORMAL: Mapping[str, Normal] = {
    "email": normal_email, "locale": normal_locale, "timezone": normal_timezone, "country": normal_country,
}


@dataclass(frozen=True, slots=True)
class Description:
    """One person as the caller described it: only the given columns, in the form that is stored.

    `tokens` are (token, kind) pairs to add. `creates` is False for a bare id, which must be known already.
    """

    external_id: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    tokens: tuple[tuple[str, str], ...] | None = None
    creates: bool = True


def describe(user: object, config: Settings, *, at: str = "recipient", strict: bool = True) -> Description:
    """Read `user`: an external id (text, number, UUID), a mapping with "id", a Recipient, or any object with `.id`.

    Empty text or null in a mapping clears the column; an object's empty values say nothing. `at` prefixes the field in
    errors. `strict=False` passes over keys we do not know. Raises InvalidRecipient.
    """
    if isinstance(user, Recipient):
        return Description(user.external_id, creates=False)
    if isinstance(user, str | int | uuid.UUID):
        return Description(_external_id(user, at), creates=False)
    if isinstance(user, Mapping):
        given = {key: value for key, value in user.items() if key not in OF_THE_MESSAGE}
        if strict:
            _refuse_unknown(given, at)
    else:
        given = _read_object(user, at)
    tokens = _tokens(given["tokens"], f"{at}.tokens") if given.get("tokens") is not None else None
    return Description(_external_id(given.get("id"), f"{at}.id"), _columns(given, config, at), tokens)


def _external_id(value: object, at: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | uuid.UUID) or value == "":
        detail = "There is no id." if value in (None, "") else f"A {type(value).__name__} is no id."
        raise InvalidRecipient(detail, field=at, remedy="Give your own id of the person, as text or as a whole number.")
    text = str(value)
    if plain_text(text, at, limit=MAX_ID) != text:
        raise InvalidRecipient("The id has blanks around it.", field=at, remedy="Send the id without them.")
    return text


def _refuse_unknown(given: Mapping[Any, Any], at: str) -> None:
    unknown = [str(key)[:40] for key in given if key not in KNOWN]
    if unknown:
        raise InvalidRecipient(
            f"Unknown: {', '.join(unknown[:5])}.", field=f"{at}.{unknown[0]}",
            remedy=f'Known are {", ".join(KNOWN)}, channel and data; put anything else into "attributes".',
        )


def _columns(given: Mapping[str, Any], config: Settings, at: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for column in (name for name in COLUMNS if name in given and name not in ("phone", "attributes")):
        text = _text(given[column], f"{at}.{column}")
        normal = NORMAL.get(column)
        found[column] = normal(text, f"{at}.{column}") if text and normal else text
    if "phone" in given:
        phone = _text(given["phone"], f"{at}.phone")
        region = found.get("country") or config.default_region
        found["phone"] = normal_phone(phone, region, f"{at}.phone") if phone else ""
    if given.get("attributes") is not None:
        found["attributes"] = plain_attributes(given["attributes"], f"{at}.attributes")
    return found


def _text(value: object, at: str) -> str:
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):  # numbers are sent as phone numbers
        return str(value)
    if not isinstance(value, str):
        raise InvalidRecipient(f"It must be text, not a {type(value).__name__}.", field=at, remedy="Send it as text.")
    return plain_text(value, at, limit=MAX_TEXT)


def _tokens(value: object, at: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list | tuple) or len(value) > MAX_TOKENS:
        raise InvalidRecipient(
            "The device tokens are no list, or too many.", field=at, remedy=f"Give a list of at most {MAX_TOKENS}."
        )
    return tuple(dict.fromkeys(_token(entry, f"{at}.{index}") for index, entry in enumerate(value)))


def _token(entry: object, at: str) -> tuple[str, str]:
    token, kind = (entry.get("token"), entry.get("kind", "token")) if isinstance(entry, Mapping) else (entry, "token")
    text = plain_text(token, at, limit=MAX_TOKEN) if isinstance(token, str) else ""
    if not text or kind not in KINDS:
        raise InvalidRecipient(
            "It is no device token.", field=at,
            remedy='Give the token as text, or {"token": "...", "kind": "fid"} for a Firebase installation id.',
        )
    return text, str(kind)


def _read_object(user: object, at: str) -> dict[str, Any]:
    if not hasattr(user, "id"):
        raise InvalidRecipient(
            f"A {type(user).__name__} is no person.", field=at,
            remedy='Give an id, a mapping with "id", a Recipient, or an object with `.id`.',
        )
    read = {name: _plain(getattr(user, name, None), name) for name in KNOWN}
    return {name: value for name, value in read.items() if name == "id" or value}


def _plain(value: object, name: str) -> Any:
    """A value of an object that we can use; a method, a lazy relation or whatever else it may be says nothing."""
    if isinstance(value, phonenumbers.PhoneNumber):
        return phonenumbers.format_number(value, phonenumbers.PhoneNumberFormat.E164)
    if isinstance(value, ZoneInfo):
        return value.key
    wanted = {"attributes": Mapping, "tokens": (list, tuple), "id": (str, int, uuid.UUID)}.get(name, str)
    return value if isinstance(value, wanted) else None  # type: ignore[arg-type]
