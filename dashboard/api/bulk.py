"""The same message to up to 1,000 people, with an answer for each."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response
from pydantic import ValidationError

from dashboard.api.answers import BulkAnswer, BulkItem, ItemError
from dashboard.api.body import pointer
from dashboard.api.explanations import BulkOrRehearsed, BulkRehearsed, BulkRehearsedItem
from dashboard.api.repeats import sends
from dashboard.api.resource import WITH_BODY, Answer, as_answer, refusals, resource
from dashboard.api.schemas import BulkBody, BulkRecipientBody, SendHeaders
from dashboard.api.sending import deliveries_of, options_of, own_channels, spend_on, status_of
from dashboard.api.validation import problem_of
from dashboard.auth import api_key
from tasks.accept import Accepted, Rejected
from tasks.entries import SendRequest, named
from tasks.errors import CarillonError, InvalidRecipient, MissingVariable, RateLimited, RenderFailed, UnknownRecipient
from tasks.options import SendOptions
from tasks.rehearsal import rehearse_people
from tasks.send import submit

# Errors that concern a single person.
ABOUT_ONE = (InvalidRecipient, MissingVariable, RateLimited, RenderFailed, UnknownRecipient)

api = resource("notifications", "Messages to single people.", name="bulk")


@api.post("/notify/bulk/", responses={200: BulkOrRehearsed, 202: BulkAnswer, **refusals(404, 409, *WITH_BODY)})
@api_key("send")
@sends
def send(header: SendHeaders, body: BulkBody) -> Answer:
    """Send up to 1,000 people the same message.

    The results are in the order of the recipients; a bad one fails with its own error and stops nobody else. An entry's own
    `data` goes over the call's.
    """
    now = not body.async_
    asked = [_request(index, entry, body.channel) for index, entry in enumerate(body.recipients)]
    good = [request for request in asked if isinstance(request, SendRequest)]

    def reply(answers: Sequence[Accepted | Rejected]) -> Response:
        return _answer(body, asked, answers, now=now)

    options = options_of(body, header, reply)
    if body.dry_run:
        return _rehearsed(body, asked, rehearse_people(good, body.template_name, body.data, options) if good else [])
    spend_on(len(good), options)
    return reply(_submit(good, body, options, now=now))


def _rehearsed(
    body: BulkBody, asked: Sequence[SendRequest | Rejected], found: Sequence[dict[str, Any] | CarillonError]
) -> Response:
    tried = iter(found)
    every = [next(tried) if isinstance(request, SendRequest) else request.error for request in asked]
    items = [
        BulkRehearsedItem(index=index, recipient_id=named(entry), error=_error(one, index, entry))
        if isinstance(one, CarillonError)
        else BulkRehearsedItem(index=index, recipient_id=one["recipient_id"], channels=one["channels"])
        for index, (one, entry) in enumerate(zip(every, body.recipients, strict=True))
    ]
    failed = sum(item.error is not None for item in items)
    answer = BulkRehearsed(
        dry_run=True, total=len(items), success_count=len(items) - failed, failure_count=failed, results=items
    )
    return as_answer(answer.model_dump(mode="json", exclude_none=True))


def _answer(
    body: BulkBody, asked: Sequence[SendRequest | Rejected], answers: Sequence[Accepted | Rejected], *, now: bool
) -> Response:
    sent = iter(answers)
    every = [next(sent) if isinstance(request, SendRequest) else request for request in asked]
    items = [_item(index, answer, body.recipients[index], now=now) for index, answer in enumerate(every)]
    failed = sum(item.status == "failed" and item.error is not None for item in items)
    found = BulkAnswer(
        status="completed" if now else "queued", total=len(items), success_count=len(items) - failed, failure_count=failed,
        results=items,
    )
    return as_answer(found.model_dump(mode="json", exclude_none=True), 200 if now else 202)


def _request(index: int, entry: Any, channel: str | None) -> SendRequest | Rejected:
    try:
        person = BulkRecipientBody.model_validate(entry)
        channels = own_channels(person.channel, channel)
    except ValidationError as error:
        return Rejected(named(entry), problem_of(error, "recipients", index))
    except CarillonError as error:
        return Rejected(named(entry), error)
    known = person.model_dump(exclude_unset=True, exclude={"channel", "data"})
    return SendRequest(known, person.data or {}, channels)


def _submit(
    requests: Sequence[SendRequest], body: BulkBody, options: SendOptions, *, now: bool
) -> Sequence[Accepted | Rejected]:
    try:
        return submit(requests, body.template_name, body.data, options, now=now)
    except ABOUT_ONE as error:  # of a single request the sender raises the error instead of answering with it
        if len(requests) != 1:
            raise
        return [Rejected(named(requests[0].user), error)]


def _item(index: int, answer: Accepted | Rejected, entry: Any, *, now: bool) -> BulkItem:
    if isinstance(answer, Accepted):
        return BulkItem(
            index=index, recipient_id=answer.recipient_id, status=status_of(answer, now=now),
            notification_id=answer.notification_id, deliveries=deliveries_of(answer),
        )
    about = _error(answer.error, index, entry)
    return BulkItem(index=index, recipient_id=answer.recipient_id, status="failed", error=about)


def _error(error: CarillonError, index: int, entry: Any) -> ItemError:
    return ItemError(code=error.code, detail=error.detail, field=_place(error.field, index, entry), remedy=error.remedy)


def _place(field: str, index: int, entry: Any) -> str:
    """Where in this body the sender's field is: `recipient.email` of the third entry is /recipients/2/email."""
    if not field or field.startswith("/"):
        return field
    first, *rest = field.split(".")
    if first == "recipient":
        return pointer("recipients", index, *rest)
    own = first == "data" and isinstance(entry, Mapping) and "data" in entry
    return pointer("recipients", index, first, *rest) if own else pointer(first, *rest)
