"""A person's inbox over HTTP, and the token with which an app opens it by itself."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from flask import g, jsonify
from pydantic import BaseModel, Field, WithJsonSchema

from dashboard import tokens
from dashboard.api.recipients import known
from dashboard.api.repeats import once, once_in_secret
from dashboard.api.resource import WITH_BODY, Answer, refusals, resource
from dashboard.api.schemas import Body, Query, RecipientPath, SendHeaders
from dashboard.auth import api_key, inbox_access
from tasks import inbox, live
from tasks.errors import InvalidOption, NotAllowed

Id = Annotated[Any, WithJsonSchema({"type": "string", "format": "uuid"})]  # checked by tasks.inbox, which names the bad one

api = resource("inbox", "What a person sees in the app. For a key with the scope inbox, or the person's own token.")


class InboxQuery(Query):
    """Which page."""

    before: UUID | None = Field(None, description="The `next` of the last page: only older messages.")
    limit: int = Field(50, ge=1, le=inbox.LONGEST_PAGE)
    archived: bool = Field(False, description="The archive instead of the list.")


class MarkBody(Body):
    """Which messages: some, or all of the list (to unarchive: all of the archive)."""

    ids: list[Id] | None = Field(None, max_length=1_000)
    all: bool = False


class InboxItem(BaseModel):
    """One message."""

    id: UUID
    title: str
    message: str
    notification_type: str
    data: dict[str, Any]
    is_read: bool
    created_at: datetime


class InboxAnswer(BaseModel):
    """A page of messages, newest first."""

    items: list[InboxItem]
    unread: int
    next: UUID | None = Field(description="Give it as `before` for the next page; null on the last.")


class MarkAnswer(BaseModel):
    """The unread count afterwards."""

    unread: int
    unknown: int = Field(description="How many of the ids are no message of this person's. They changed nothing.")


class TokenAnswer(BaseModel):
    """A token for the person's app, for Socket.IO (`auth: {token}`) and for /inbox/."""

    token: str
    expires_at: datetime


@api.get("/inbox/<id>/", responses={200: InboxAnswer, **refusals(404, 422)})
@inbox_access
def show(path: RecipientPath, query: InboxQuery) -> Answer:
    """A page of a person's messages, newest first, with the unread count."""
    return jsonify(inbox.page(_person(path.id), before=query.before, limit=query.limit, archived=query.archived))


@api.post("/inbox/<id>/read/", responses={200: MarkAnswer, **refusals(404, 409, *WITH_BODY)})
@inbox_access
@once
def mark_read(header: SendHeaders, path: RecipientPath, body: MarkBody) -> Answer:
    """Mark messages as read: `ids`, or `all`. What waits to ring only if they are not read is skipped. Safe to repeat."""
    return _mark(path.id, "read", body)


@api.post("/inbox/<id>/unread/", responses={200: MarkAnswer, **refusals(404, 409, *WITH_BODY)})
@inbox_access
@once
def mark_unread(header: SendHeaders, path: RecipientPath, body: MarkBody) -> Answer:
    """Mark messages as not read: `ids`, or `all`. Safe to repeat."""
    return _mark(path.id, "unread", body)


@api.post("/inbox/<id>/archive/", responses={200: MarkAnswer, **refusals(404, 409, *WITH_BODY)})
@inbox_access
@once
def archive(header: SendHeaders, path: RecipientPath, body: MarkBody) -> Answer:
    """Move messages from the list to the archive, read or not: there they do not count as unread. Safe to repeat."""
    return _mark(path.id, "archive", body)


@api.post("/inbox/<id>/unarchive/", responses={200: MarkAnswer, **refusals(404, 409, *WITH_BODY)})
@inbox_access
@once
def unarchive(header: SendHeaders, path: RecipientPath, body: MarkBody) -> Answer:
    """Move messages back from the archive to their old place in the list; unread ones count again. Safe to repeat."""
    return _mark(path.id, "unarchive", body)


@api.post("/inbox/<id>/delete/", responses={200: MarkAnswer, **refusals(404, 409, *WITH_BODY)})
@inbox_access
@once
def delete(header: SendHeaders, path: RecipientPath, body: MarkBody) -> Answer:
    """Delete messages from the inbox for good, archived ones only by their ids. The delivery log keeps them. Safe to repeat."""
    return _mark(path.id, "delete", body)


@api.post("/recipients/<id>/token/", responses={200: TokenAnswer, **refusals(404, 409, 422)})
@api_key("inbox")
@once_in_secret
def token(header: SendHeaders, path: RecipientPath) -> Answer:
    """A token, good for an hour, with which a person's app opens their inbox. Nothing else can be done with it."""
    written, expires_at = tokens.issue(g.api_key, known(path.id).external_id)
    return jsonify({"token": written, "expires_at": expires_at.isoformat()})


def _mark(external_id: str, action: str, body: MarkBody) -> Answer:
    """Do it, and show it on the person's live connections."""
    person = _person(external_id)
    if body.all == (body.ids is not None):
        raise InvalidOption(f"Say which messages to {action}.", field="/ids", remedy='Send {"ids": [...]}, or {"all": true}.')
    marked = inbox.mark(person, action, body.ids)
    live.changed(marked.change)
    return jsonify({"unread": marked.unread, "unknown": marked.unknown})


def _person(external_id: str) -> int:
    if g.person not in (None, external_id):
        raise NotAllowed("This token opens another person's inbox.", field="Authorization", remedy="Use the person's own token.")
    return known(external_id).id
