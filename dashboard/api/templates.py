"""What can be sent: templates with the variables that a send must give, to be read by services."""

from datetime import datetime
from typing import Any

from flask import g, jsonify
from pydantic import BaseModel, Field
from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from dashboard.api.resource import Answer, refusals, resource
from dashboard.api.schemas import Parameters, Query
from dashboard.auth import api_key
from tasks.drafts import variables
from tasks.errors import CarillonError, UnknownTemplate
from tasks.extensions import db
from tasks.models import Template, TemplateVersion

api = resource("templates", "What can be sent, and the variables it needs.")
LATEST = 50  # versions in an answer
PLAIN = r"^[^\x00-\x1f\x7f]*$"


class TemplatesQuery(Query):
    """A page of the list."""

    after: str = Field("", max_length=200, pattern=PLAIN, description="The `next` of the page before.")
    limit: int = Field(100, ge=1, le=200)


class TemplatePath(Parameters):
    """A template's slug."""

    slug: str = Field(min_length=1, max_length=200, pattern=PLAIN, description="As in `template_name`.")


class TemplateAnswer(BaseModel):
    """A template as a send sees it."""

    template_name: str
    name: str
    notification_type: str
    is_active: bool
    version: int | None = Field(description="The number of the version that is sent now.")
    variables: list[str] = Field(description="What a send gives in `data`; those with a default in the text may be left out.")


class VersionAnswer(BaseModel):
    """One version; it never changes."""

    number: int
    created_at: datetime
    created_by: str


class OneTemplate(TemplateAnswer):
    """A template with its newest versions."""

    versions: list[VersionAnswer]


class TemplatePage(BaseModel):
    """A page of templates, by their slugs."""

    templates: list[TemplateAnswer]
    next: str | None = Field(description="Ask again with it as `after`; null: that was all.")


@api.get("/templates/", responses={200: TemplatePage, **refusals(422)})
@api_key("read")
def listed(query: TemplatesQuery) -> Answer:
    """The templates that this key may send, with the variables that each needs."""
    wanted = _allowed().where(Template.slug > query.after).order_by(Template.slug).limit(query.limit + 1)
    found = list(db.session.scalars(wanted))
    page = TemplatePage(
        templates=[TemplateAnswer(**_about(row)) for row in found[: query.limit]],
        next=found[query.limit - 1].slug if len(found) > query.limit else None,
    )
    return jsonify(page.model_dump(mode="json"))


@api.get("/templates/<slug>/", responses={200: OneTemplate, **refusals(404, 422)})
@api_key("read")
def show(path: TemplatePath) -> Answer:
    """One template, with its newest versions: who saved which, and when."""
    row = db.session.scalar(_allowed().where(Template.slug == path.slug))
    if row is None:
        remedy = "GET /templates/ lists those that this key may send."
        raise UnknownTemplate(f"There is no template {path.slug!r}.", field="slug", remedy=remedy)
    newest = select(TemplateVersion).where(TemplateVersion.template_id == row.id).order_by(TemplateVersion.number.desc())
    versions = [
        VersionAnswer(number=one.number, created_at=one.created_at, created_by=one.created_by)
        for one in db.session.scalars(newest.limit(LATEST))
    ]
    return jsonify(OneTemplate(**_about(row), versions=versions).model_dump(mode="json"))


def _allowed() -> Select[Template]:
    query = select(Template).options(joinedload(Template.current_version))
    return query if g.api_key.templates is None else query.where(Template.slug.in_(g.api_key.templates))


def _about(row: Template) -> dict[str, Any]:
    version = row.current_version
    try:
        names = variables(version) if version else []
    except CarillonError:  # a version of a time when more was allowed
        names = []
    return {
        "template_name": row.slug, "name": row.name, "notification_type": row.notification_type, "is_active": row.is_active,
        "version": version.number if version else None, "variables": names,
    }
