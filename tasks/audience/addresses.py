"""Addresses and places of people, brought into the form we store. Each function raises InvalidRecipient."""

import re
from functools import cache, lru_cache
from importlib import resources
from zoneinfo import available_timezones

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from tasks.errors import InvalidRecipient

LOCALE = re.compile(r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|\d{3}))?((?:-[a-z0-9]{5,8}|-\d[a-z0-9]{3})*)", re.ASCII)
# Reserved for testing and for the house's own network: no public mail goes there, and people try things out with them.
OWN_NETWORK = frozenset({"test", "example", "invalid", "local", "localhost"})


def normal_email(value: str, field: str) -> str:
    """One addr-spec with its domain in lower case. No DNS is asked."""
    try:
        return _email(value)
    except EmailNotValidError as error:
        raise InvalidRecipient(
            f"{value[:80]!r} is not an e-mail address: {str(error).rstrip('.')}.",
            field=field, remedy="Give one address like ann@example.org, without a name around it.",
        ) from None


def normal_phone(value: str, region: str, field: str) -> str:
    """The number in E.164. `region` (ISO 3166 alpha-2) is the country of numbers written without +country code."""
    try:
        return _phone(value, region)
    except phonenumbers.NumberParseException as error:
        raise InvalidRecipient(
            f"{value[:40]!r} is not a phone number{f' of {region}' if region else ''}: {str(error).rstrip('.')}.",
            field=field, remedy="Write it with its country code, like +977 984-1234567, or give the country too.",
        ) from None


def normal_timezone(value: str, field: str) -> str:
    """The IANA name, in its own spelling."""
    found = _zones().get(value.lower())
    if found is None:
        raise InvalidRecipient(
            f"{value[:60]!r} is not a time zone.", field=field, remedy="Use an IANA name like Asia/Kathmandu or UTC."
        )
    return found


def normal_locale(value: str, field: str) -> str:
    """A language tag in BCP 47's spelling: ne, pt-BR, zh-Hant-TW. Underscores are taken for hyphens."""
    match = LOCALE.fullmatch(value.replace("_", "-").lower())
    if match is None:
        raise InvalidRecipient(
            f"{value[:40]!r} is not a language tag.", field=field, remedy="Use one like ne, en-GB or zh-Hant-TW."
        )
    language, script, region, variants = match.groups()
    return "-".join(filter(None, (language, (script or "").title(), (region or "").upper()))) + variants


def normal_country(value: str, field: str) -> str:
    """The ISO 3166 alpha-2 code, in upper case."""
    if value.upper() not in _countries():
        raise InvalidRecipient(
            f"{value[:40]!r} is not a country code.", field=field, remedy="Use ISO 3166's two letters, like NP or DE."
        )
    return value.upper()


@lru_cache(maxsize=8192)  # 50 us each; the same people come again and again
def _email(value: str) -> str:
    reserved = value.rpartition("@")[2].rpartition(".")[2].lower() in OWN_NETWORK
    normal = validate_email(value + ".org" if reserved else value, check_deliverability=False).normalized
    return normal.removesuffix(".org") if reserved else normal


@lru_cache(maxsize=8192)
def _phone(value: str, region: str) -> str:
    number = phonenumbers.parse(value, region or None)
    if not phonenumbers.is_possible_number(number) or not phonenumbers.is_valid_number(number):
        raise phonenumbers.NumberParseException(phonenumbers.NumberParseException.NOT_A_NUMBER, "No such number exists")
    normal: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return normal


@cache
def _zones() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones() - {"localtime", "Factory"}}


@cache
def _countries() -> frozenset[str]:
    table = (resources.files("tzdata.zoneinfo") / "iso3166.tab").read_text(encoding="utf-8")
    # XK is not in ISO's list: it is what everyone writes for Kosovo.
    return frozenset(line[:2] for line in table.splitlines() if line and not line.startswith("#")) | {"XK"}
