"""The demo's people, the same every time: nine countries, some without an address, some who opted out, some magic ones."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from dashboard.demo.names import COUNTRIES, Country
from tasks.channels.simulator import MAGIC, Magic
from tasks.models.words import EMAIL, PUSH, SMS

SEED = 20260131
PLATFORMS = ("android", "android", "ios", "web")
PLANS = ("free",) * 7 + ("plus",) * 2 + ("vip",)
HOSTS = ("mail.example", "post.example", "inbox.example")  # reserved: no mail to them ever leaves


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """A person as a caller would describe them, and what a caller cannot say: devices' platforms, opt-outs, since when."""

    described: dict[str, Any]
    devices: tuple[tuple[str, str], ...]  # token, platform
    opt_outs: tuple[tuple[str, str], ...] = ()  # notification type, channel
    days_ago: int = 0
    is_active: bool = True
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The caller's own id."""
        return str(self.described["id"])


def people() -> list[DemoPerson]:
    """All 300, in a fixed order: demo-1 to demo-293, then the magic ones, demo-bounce and so on."""
    dice = random.Random(SEED)
    ordinary = [_person(number, country, dice) for number, country in enumerate(_homes(dice), start=1)]
    return ordinary + [_magic(one) for one in MAGIC]


def _homes(dice: random.Random) -> Iterator[Country]:
    """Everybody's country. The three of the story come first: Nepal, India, Brazil."""
    first = [COUNTRIES[0], COUNTRIES[1], COUNTRIES[3]]
    rest = [country for country in COUNTRIES for _ in range(country.people - (country in first))]
    dice.shuffle(rest)
    return iter(first + rest)


def _person(number: int, country: Country, dice: random.Random) -> DemoPerson:
    given, family = dice.choice(country.given), dice.choice(country.family)
    locale = dice.choice(country.locales)
    whole = number <= 3  # the people of the story have everything
    described = {
        "id": f"demo-{number}", "name": _full_name(given, family, country, locale), "country": country.code, "locale": locale,
        "timezone": dice.choice(country.timezones),
        "email": f"{given[1]}.{family[1]}{number}@{dice.choice(HOSTS)}" if whole or dice.random() > 0.1 else "",
        "phone": _mobile(country, number) if whole or dice.random() > 0.12 else "",
    }
    count = 2 if number == 1 else dice.choices((0, 1, 2), (25, 60, 15))[0] or int(whole)
    devices = tuple((f"demo-device-{number}-{place}", dice.choice(PLATFORMS)) for place in range(1, count + 1))
    idle = dice.choice((0, 1, 2, 5, 9, 14, 30, 45, 60, 95, 120, 200))
    attributes = {"plan": dice.choice(PLANS), "rentals": dice.randrange(1, 80), "days_since_rental": idle}
    return DemoPerson(
        described, devices, () if whole else _opt_outs(dice), days_ago=idle + dice.randrange(1, 300),
        is_active=whole or dice.random() > 0.01, attributes=attributes,
    )


def _full_name(given: tuple[str, str], family: tuple[str, str], country: Country, locale: str) -> str:
    if country.latin and locale.startswith("en"):
        return f"{given[1]} {family[1]}".title()
    return f"{family[0]} {given[0]}" if country.family_first else f"{given[0]} {family[0]}"


def _mobile(country: Country, number: int) -> str:
    return f"{country.mobile}{number + 100:0{country.digits}d}" if country.digits > 2 else f"{country.mobile}{number % 100:02d}"


def _opt_outs(dice: random.Random) -> tuple[tuple[str, str], ...]:
    throw = dice.random()
    if throw < 0.08:
        return (("special_offer", "*"),)
    if throw < 0.11:
        return (("payment_success", SMS),)
    if throw < 0.13:
        return (("special_offer", PUSH), ("payment_success", EMAIL))
    return ()


def _magic(one: Magic) -> DemoPerson:
    """A person whose every address acts out one trouble."""
    described = {
        "id": f"demo-{one.word}", "name": f"{one.word.capitalize().replace('-', ' ')} (simulator)", "country": "NP",
        "locale": "en", "timezone": "Asia/Kathmandu", "email": f"{one.word}@{HOSTS[0]}", "phone": f"+9779610{one.digits}",
    }
    attributes = {"plan": "free", "rentals": 1, "days_since_rental": 0}
    return DemoPerson(described, ((f"{one.word}-demo", "android"),), days_ago=1, attributes=attributes)
