"""Who is online, for services that decide by it themselves."""

from flask import jsonify
from pydantic import BaseModel, Field

from dashboard.api.fields import ExternalId
from dashboard.api.resource import WITH_BODY, Answer, refusals, resource
from dashboard.api.schemas import MOST_RECIPIENTS, Body
from dashboard.auth import api_key
from tasks.online import online

api = resource("presence", "Who has an inbox open now, on any device and any web process.")


class PresenceBody(Body):
    """Whom to look for."""

    ids: list[ExternalId] = Field(max_length=MOST_RECIPIENTS, description="Your own ids of the people.")


class PresenceAnswer(BaseModel):
    """Who of them is online."""

    online: list[str] = Field(description="In the order asked, each once. Who is not here is not online, or not known.")


@api.post("/presence/", responses={200: PresenceAnswer, **refusals(*WITH_BODY)})
@api_key("recipients")
def who(body: PresenceBody) -> Answer:
    """Which of these people have a live inbox open now: up to 1,000 in one call. Nothing is changed."""
    return jsonify({"online": online(body.ids)})
