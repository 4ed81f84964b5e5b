"""The dashboard: Flask-Admin behind the guard, with Carillon's own pages."""

from flask import Flask
from flask_admin import Admin
from flask_admin.theme import Bootstrap4Theme

from dashboard.admin.display.assets import init_assets
from dashboard.admin.views import session
from dashboard.admin.views.approvals import Approvals
from dashboard.admin.views.audit import Audit
from dashboard.admin.views.broadcasts import Broadcasts
from dashboard.admin.views.compose import Compose
from dashboard.admin.views.deliveries import Deliveries
from dashboard.admin.views.devices import Devices
from dashboard.admin.views.finish import Finish
from dashboard.admin.views.home import Home
from dashboard.admin.views.imports import Imports
from dashboard.admin.views.inbox_demo import InboxDemo
from dashboard.admin.views.keys import Keys
from dashboard.admin.views.lists import Lists
from dashboard.admin.views.notifications import Notifications
from dashboard.admin.views.operators import Operators
from dashboard.admin.views.person import Person
from dashboard.admin.views.preview import Preview
from dashboard.admin.views.profile import Profile
from dashboard.admin.views.proof import ProofPage
from dashboard.admin.views.recipients import Recipients
from dashboard.admin.views.report import ReportPage
from dashboard.admin.views.resend import Resend
from dashboard.admin.views.rules import Rules
from dashboard.admin.views.segment_look import SegmentLook
from dashboard.admin.views.segments import Segments
from dashboard.admin.views.templates import Templates
from dashboard.admin.views.trial import TrialPage
from dashboard.admin.views.webhooks import Webhooks
from dashboard.security import csp_nonce
from tasks.extensions import db
from tasks.models import (
    ApiKey,
    AuditEntry,
    Broadcast,
    Delivery,
    Device,
    Notification,
    Operator,
    Recipient,
    Rule,
    Segment,
    Template,
    Webhook,
)


def init_admin(app: Flask) -> None:
    """Put the dashboard on `app`: /, /login/, /logout/ and everything under /admin/. Call it after `auth.init_auth`."""
    init_assets(app)
    app.register_blueprint(session.pages)
    admin = Admin(
        app, name="Carillon", index_view=Home(name="Home"), theme=Bootstrap4Theme(base_template="admin/base.html"),
        csp_nonce_generator=csp_nonce,
    )
    admin.add_view(Finish(name="Finish the job", endpoint="admin_finish", url="/admin/finish"))
    admin.add_view(Person(name="Person", endpoint="admin_person", url="/admin/person"))
    admin.add_view(Resend(name="Send again", endpoint="admin_resend", url="/admin/resend"))
    admin.add_view(Approvals(name="Approvals", endpoint="admin_approvals", url="/admin/approvals"))
    admin.add_view(ReportPage(name="Report", endpoint="admin_report", url="/admin/report"))
    admin.add_view(ProofPage(name="Proof", endpoint="admin_proof", url="/admin/proof"))
    admin.add_view(Compose(name="New broadcast", endpoint="admin_compose", url="/admin/compose"))
    admin.add_view(Preview(name="Preview", endpoint="admin_preview", url="/admin/preview"))
    admin.add_view(SegmentLook(name="Who is in it", endpoint="admin_segmentlook", url="/admin/segment-look"))
    admin.add_view(Lists(name="People on a list", endpoint="admin_lists", url="/admin/lists"))
    admin.add_view(Imports(name="Imports", endpoint="admin_imports", url="/admin/imports"))
    admin.add_view(TrialPage(name="Test send", endpoint="admin_trial", url="/admin/test"))
    admin.add_view(InboxDemo(name="Inbox widget", endpoint="admin_inboxdemo", url="/admin/inbox-demo"))
    admin.add_view(Profile(name="Profile", endpoint="admin_profile", url="/admin/profile"))
    for view, model, name in (
        (Broadcasts, Broadcast, "Broadcasts"), (Templates, Template, "Templates"), (Rules, Rule, "Rules"),
        (Recipients, Recipient, "Recipients"), (Devices, Device, "Devices"), (Segments, Segment, "Segments"),
        (Notifications, Notification, "Notifications"), (Deliveries, Delivery, "Delivery log"), (Keys, ApiKey, "API keys"),
        (Webhooks, Webhook, "Webhooks"),
        (Operators, Operator, "Operators"), (Audit, AuditEntry, "Audit"),
    ):
        word = view.__name__.lower()
        # A prefix, because the API's blueprints have the plain names.
        admin.add_view(view(model, db, name=name, endpoint=f"admin_{word}", url=f"/admin/{word}"))
