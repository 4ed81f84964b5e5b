"""Plans: what a dry run found, kept so that a send can be held to it and a difference can be shown."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from tasks.extensions import Model
from tasks.models.types import IdList, Json, UtcDateTime, utcnow


class SendPlan(Model):
    """What would be sent, to whom, how. The same findings have the same `hash`, whoever looks and however often."""

    __tablename__ = "send_plans"

    id: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(Text, unique=True)  # over the terms and the audience's digest
    terms: Mapped[dict[str, Any]] = mapped_column(Json)  # template version, variables, audience, channels, times
    audience_digest: Mapped[str] = mapped_column(Text)  # of the ids in their order; empty: the outside source, not known yet
    audience_count: Mapped[int | None]  # none: not known yet
    created_by: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)  # when it was found last


class SendPlanPage(Model):
    """A few hundred people of a plan, as in `broadcast_pages`: a broadcast that is held to the plan takes these lists over."""

    __tablename__ = "send_plan_pages"

    plan_id: Mapped[int] = mapped_column(ForeignKey("send_plans.id", ondelete="CASCADE"), primary_key=True)
    last_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int]
    people: Mapped[Any] = mapped_column(IdList)
