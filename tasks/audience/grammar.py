"""The rules of a segment, in react-querybuilder's JSON, compiled to SQL through a list of what is allowed.

A definition is a group: {"combinator": "and" or "or", "not": false, "rules": [rule or group, ...]}. A rule is
{"field": "country", "operator": "=", "value": "NP"}; with "type": "date" an attribute is compared as a day. Values only ever
become bound parameters.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import and_, exists, not_, or_

from tasks.audience.attribute import attribute_condition
from tasks.audience.compare import Condition, text_condition
from tasks.audience.moment import absolute, moment_condition
from tasks.audience.rule import Rule, read_rule
from tasks.errors import InvalidAudience
from tasks.models import Device, OptOut, Recipient
from tasks.models.types import utcnow

TEXTS = {
    "id": Recipient.external_id, "name": Recipient.name, "email": Recipient.email, "phone": Recipient.phone,
    "locale": Recipient.locale, "timezone": Recipient.timezone, "country": Recipient.country,
}
FLAGS = {
    "has_email": Recipient.email != "",
    "has_phone": Recipient.phone != "",
    "has_device": exists().where(Device.recipient_id == Recipient.id, Device.is_active),
}
FIELDS = (*TEXTS, "created_at", "attributes.<name>", *FLAGS, "subscribed_to")
GROUP_KEYS = {"combinator", "not", "rules", "id", "path", "disabled"}
MAX_DEPTH, MAX_RULES, MAX_VALUES = 8, 100, 5_000


def compile_definition(definition: object, dialect: str, *, at: str = "", now: datetime | None = None) -> Condition:
    """The SQL condition on recipients of a definition, for "sqlite" or "postgresql". It is never NULL.

    `now` is what ages like -30d count from. Raises InvalidAudience, its field a JSON pointer that begins with `at`.
    """
    return _Compiler(dialect, now or utcnow(), at).group(definition, at, 1)


def freeze_definition(definition: Any, now: datetime) -> Any:
    """The same definition with ages like -30d turned into the instants they mean now, so that it means the same later."""
    if isinstance(definition, Mapping) and "rules" in definition:
        return {**definition, "rules": [freeze_definition(rule, now) for rule in definition["rules"]]}
    if isinstance(definition, Mapping) and (definition.get("field") == "created_at" or definition.get("type") == "date"):
        value = definition.get("value")
        listed = value.split(",") if isinstance(value, str) and "," in value else value
        fixed = [absolute(part, now) for part in listed] if isinstance(listed, list) else absolute(value, now)
        return {**definition, "value": fixed}
    return definition


class _Compiler:
    """Walks one definition and counts what it has seen."""

    def __init__(self, dialect: str, now: datetime, at: str) -> None:
        self.dialect, self.now, self.root = dialect, now, at
        self.rules = self.values = 0

    def group(self, raw: object, at: str, depth: int) -> Condition:
        rules = _check_group(raw, at, depth)
        assert isinstance(raw, Mapping)
        conditions = [
            self.group(rule, f"{at}/rules/{index}", depth + 1) if isinstance(rule, Mapping) and "rules" in rule
            else self.rule(rule, f"{at}/rules/{index}")
            for index, rule in enumerate(rules)
        ]
        both = and_(*conditions) if raw["combinator"] == "and" else or_(*conditions)
        return not_(both.self_group()) if raw.get("not") else both.self_group()

    def rule(self, raw: object, at: str) -> Condition:
        if not isinstance(raw, Mapping):
            raise InvalidAudience("It is neither a rule nor a group.", field=at, remedy="Give field, operator and value.")
        rule = read_rule(raw, at)
        self.rules, self.values = self.rules + 1, self.values + len(rule.values)
        if self.rules > MAX_RULES or self.values > MAX_VALUES:
            raise InvalidAudience(
                "The definition is too large.", field=self.root,
                remedy=f"Use at most {MAX_RULES} rules with {MAX_VALUES} values in all, or a static list.",
            )
        condition = self._positive(rule)
        return not_(condition) if rule.negated else condition

    def _positive(self, rule: Rule) -> Condition:
        if rule.field in TEXTS:
            return text_condition(TEXTS[rule.field], rule, _texts(rule), self.dialect)
        if rule.field == "created_at":
            return moment_condition(Recipient.created_at, rule, self.now)
        if rule.field.startswith("attributes."):
            return attribute_condition(rule, self.dialect, self.now)
        if rule.field in FLAGS:
            return FLAGS[rule.field] if _flag(rule) else not_(FLAGS[rule.field])
        if rule.field == "subscribed_to":
            return subscribed(_type(rule))
        raise rule.refuse(f"There is no field {rule.field[:60]!r}.", f"Use one of {', '.join(FIELDS)}.", "field")


def subscribed(notification_type: str) -> Condition:
    """People who have not opted out of the type as a whole."""
    return not_(
        exists().where(
            OptOut.recipient_id == Recipient.id, OptOut.notification_type == notification_type, OptOut.channel == "*"
        )
    )


def _check_group(raw: object, at: str, depth: int) -> list[Any]:
    if not isinstance(raw, Mapping) or not isinstance(raw.get("rules"), list):
        raise InvalidAudience(
            "It is no group of rules.", field=at, remedy='Give {"combinator": "and", "rules": [{"field", "operator", "value"}]}.'
        )
    unknown = sorted(str(key) for key in raw if key not in GROUP_KEYS)
    if unknown:
        raise InvalidAudience(
            f"A group with {unknown[0]!r} is not understood.", field=f"{at}/{unknown[0]}",
            remedy="Give combinator, not and rules only.",
        )
    if raw.get("combinator") not in ("and", "or"):
        raise InvalidAudience("The combinator is missing.", field=f"{at}/combinator", remedy='Say "and" or "or".')
    if not isinstance(raw.get("not", False), bool):
        raise InvalidAudience("`not` is neither true nor false.", field=f"{at}/not", remedy="Say true or false.")
    if depth > MAX_DEPTH:
        raise InvalidAudience("The groups are nested too deeply.", field=at, remedy=f"Use at most {MAX_DEPTH} levels.")
    rules: list[Any] = raw["rules"]
    if not rules:
        raise InvalidAudience("The group has no rules.", field=f"{at}/rules", remedy='Add a rule, or send to the audience "all".')
    return rules


def _texts(rule: Rule) -> tuple[str, ...]:
    for value in rule.values:
        if not isinstance(value, str) and (rule.field != "id" or not isinstance(value, int) or isinstance(value, bool)):
            raise rule.refuse(f"{rule.field} is text.", "Put the value in quotation marks.")
    texts = tuple(str(value) for value in rule.values)
    return tuple(text.upper() for text in texts) if rule.field == "country" else texts


def _flag(rule: Rule) -> bool:
    if rule.operator != "=" or not isinstance(rule.values[0], bool):
        raise rule.refuse(f"{rule.field} is true or false.", "Use = with true or false.")
    return rule.values[0]


def _type(rule: Rule) -> str:
    if rule.operator != "=" or not isinstance(rule.values[0], str) or not rule.values[0]:
        raise rule.refuse("subscribed_to wants a notification type.", 'Use = or != with one, like "special_offer".')
    return rule.values[0]
