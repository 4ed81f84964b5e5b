"""Every error Carillon raises on purpose: a stable code, the field at fault, and what to do about it."""

from typing import Any


class CarillonError(Exception):
    """The parent of all. `code` is stable, `field` a JSON pointer or an argument's name, `remedy` one sentence."""

    code = "error"
    status = 400

    def __init__(self, detail: str, *, field: str = "", remedy: str = "", **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.remedy = remedy
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.detail} {self.remedy}".strip()

    @classmethod
    def named(cls, name: str) -> type["CarillonError"]:
        """The error class of a name kept with an idempotent answer."""
        return next((child for child in cls.__subclasses__() if child.__name__ == name), cls)


class ConfigurationError(CarillonError):
    """A setting that would make the product dangerous or unable to work."""

    code = "configuration"
    status = 500


class UnknownTemplate(CarillonError):
    """No template has this slug."""

    code = "unknown_template"
    status = 404


class InactiveTemplate(CarillonError):
    """The template exists and is switched off."""

    code = "inactive_template"
    status = 409


class InvalidTemplate(CarillonError):
    """The template's source is not accepted by the sandbox, or does not parse."""

    code = "invalid_template"
    status = 422


class MissingVariable(CarillonError):
    """The template uses a variable that the context does not give."""

    code = "missing_variable"
    status = 422


class RenderFailed(CarillonError):
    """The template ran and failed for this context."""

    code = "render_failed"
    status = 422


class InvalidData(CarillonError):
    """A value of the context is none that a template can use, or there is too much of it."""

    code = "invalid_data"
    status = 422


class UnknownRecipient(CarillonError):
    """Nobody is known by this id, and nothing in the request says who it is."""

    code = "unknown_recipient"
    status = 404


class InvalidRecipient(CarillonError):
    """The recipient's description is malformed: no id, a bad address, a bad number."""

    code = "invalid_recipient"
    status = 422


class InvalidImport(CarillonError):
    """The file of people to import cannot be read as a table with an id column."""

    code = "invalid_import"
    status = 422


class UnknownChannel(CarillonError):
    """The channel asked for is not one of in_app, push, sms, email."""

    code = "unknown_channel"
    status = 422


class InvalidOption(CarillonError):
    """A send option, or another value of the request, is out of its range."""

    code = "invalid_option"
    status = 422


class UnknownAudience(CarillonError):
    """The audience names no segment, or its definition cannot be compiled."""

    code = "unknown_audience"
    status = 404


class InvalidAudience(CarillonError):
    """An inline segment definition uses a field, an operator or a value that is not allowed."""

    code = "invalid_audience"
    status = 422


class UnknownBroadcast(CarillonError):
    """No broadcast has this id."""

    code = "unknown_broadcast"
    status = 404


class UnknownWebhook(CarillonError):
    """No webhook, or no call of it, has this number."""

    code = "unknown_webhook"
    status = 404


class WrongState(CarillonError):
    """The thing asked for cannot be done in the state the object is in now."""

    code = "wrong_state"
    status = 409


class WrongCount(CarillonError):
    """The caller believes that a broadcast goes to another number of people than it does."""

    code = "wrong_count"
    status = 409


class IdempotencyConflict(CarillonError):
    """The key was used with another body."""

    code = "idempotency_conflict"
    status = 422


class IdempotencyRunning(CarillonError):
    """The first call with this key has not ended yet."""

    code = "idempotency_running"
    status = 409


class SourceFailed(CarillonError):
    """The outside user source could not be read."""

    code = "source_failed"
    status = 502


class Unauthenticated(CarillonError):
    """Nobody is signed in, or the API key is missing, wrong, expired or switched off."""

    code = "unauthenticated"
    status = 401


class InvalidToken(CarillonError):
    """A subscriber token that opens no inbox. `reason` is one word for programs."""

    code = "invalid_token"
    status = 401

    def __init__(self, reason: str, detail: str, *, remedy: str = "") -> None:
        fresh = remedy or "Use a new one: POST /recipients/<id>/token/ gives it to your service."
        super().__init__(detail, field="token", remedy=fresh, reason=reason)
        self.reason = reason


class NotAllowed(CarillonError):
    """The caller is known, and this is not theirs to do: a role or a scope is missing."""

    code = "not_allowed"
    status = 403


class AlreadyExists(CarillonError):
    """Something else has this name already."""

    code = "already_exists"
    status = 409


class UnknownKey(CarillonError):
    """No API key has this name or prefix."""

    code = "unknown_key"
    status = 404


class RateLimited(CarillonError):
    """The caller has used up what the limit `policy` allows. `seconds` until there is room again."""

    code = "rate_limited"
    status = 429

    def __init__(self, detail: str, policy: str, *, field: str = "", remedy: str = "", seconds: int = 1) -> None:
        super().__init__(detail, field=field, remedy=remedy, retry_after=seconds, **{"violated-policies": [policy]})
        self.seconds = seconds


class UnknownNotification(CarillonError):
    """No notification has this id."""

    code = "unknown_notification"
    status = 404


class InvalidBody(CarillonError):
    """The request's body is not the JSON that was asked for."""

    code = "invalid_body"
    status = 422


class InvalidParameter(InvalidBody):
    """A header, or a part of the address, is not as it should be: `field` is its name."""

    code = "invalid_parameter"
