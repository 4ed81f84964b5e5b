"""Templates and their immutable versions. A notification points at the version it was made from, for ever."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tasks.extensions import Model
from tasks.models.types import UtcDateTime, utcnow


class Template(Model):
    """A message's name, its notification type and the version that is sent now."""

    __tablename__ = "templates"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, default="")
    notification_type: Mapped[str] = mapped_column(Text, index=True)
    is_active: Mapped[bool] = mapped_column(default=True)
    current_version_id: Mapped[int | None] = mapped_column(
        ForeignKey("template_versions.id", use_alter=True, ondelete="SET NULL")
    )
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, onupdate=utcnow)

    current_version: Mapped["TemplateVersion | None"] = relationship(foreign_keys=[current_version_id], post_update=True)
    versions: Mapped[list["TemplateVersion"]] = relationship(
        back_populates="template", foreign_keys="TemplateVersion.template_id", order_by="TemplateVersion.number.desc()"
    )

    def __str__(self) -> str:
        return self.slug


class TemplateVersion(Model):
    """What was written, once and for all. An edit makes a new version (`tasks.templates.save_version`)."""

    __tablename__ = "template_versions"
    __table_args__ = (Index("uq_template_versions_template_id_number", "template_id", "number", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    template_id: Mapped[int] = mapped_column(ForeignKey("templates.id"))
    number: Mapped[int]
    notification_type: Mapped[str] = mapped_column(Text)  # as it was when this version was made
    title: Mapped[str] = mapped_column(Text)
    message: Mapped[str] = mapped_column(Text)  # in-app and push; the SMS and e-mail text where those are empty
    sms_text: Mapped[str] = mapped_column(Text, default="")
    email_subject: Mapped[str] = mapped_column(Text, default="")  # empty: the title
    email_html: Mapped[str] = mapped_column(Text, default="")  # empty: a plain frame around the message
    email_text: Mapped[str] = mapped_column(Text, default="")  # empty: the message
    email_format: Mapped[str] = mapped_column(Text, default="html", server_default="html")  # of what was written: html, mjml
    email_source: Mapped[str] = mapped_column(Text, default="", server_default="")  # what email_html was made from, if anything
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    created_by: Mapped[str] = mapped_column(Text, default="")

    template: Mapped[Template] = relationship(back_populates="versions", foreign_keys=[template_id])

    @property
    def written_html(self) -> str:
        """The HTML part as somebody wrote it: before MJML was compiled, or a style block was put into the elements."""
        return self.email_source or self.email_html

    def __str__(self) -> str:
        return f"v{self.number}"
