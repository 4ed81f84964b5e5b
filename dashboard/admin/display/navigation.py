"""The navigation: which pages there are, under which heading, and who sees them."""

from dataclasses import dataclass, replace

from flask import request

from dashboard import auth


@dataclass(frozen=True, slots=True)
class Item:
    """One entry; `current` where the request is on its pages."""

    label: str
    icon: str
    endpoint: str
    role: str = "viewer"
    current: bool = False
    key: str = ""  # after g, or alone: see static/js/keys.js


@dataclass(frozen=True, slots=True)
class Group:
    """Entries under one heading."""

    title: str
    items: tuple[Item, ...]


MENU = (
    Group("", (Item("Home", "home", "admin.index", key="g h"),)),
    Group("Broadcasts", (
        Item("New broadcast", "megaphone", "admin_compose.index", "sender", key="n"),
        Item("All broadcasts", "bell", "admin_broadcasts.index_view", key="g b"),
    )),
    Group("Content", (
        Item("Templates", "template", "admin_templates.index_view", key="g t"),
        Item("Rules", "rules", "admin_rules.index_view", key="g r"),
    )),
    Group("People", (
        Item("Recipients", "people", "admin_recipients.index_view", key="g p"),
        Item("Devices", "device", "admin_devices.index_view"),
        Item("Segments", "segment", "admin_segments.index_view", key="g s"),
        Item("Imports", "inbox", "admin_imports.index", "editor"),
    )),
    Group("Log", (
        Item("Notifications", "inbox", "admin_notifications.index_view", key="g n"),
        Item("Delivery log", "log", "admin_deliveries.index_view", key="g l"),
    )),
    Group("Developers", (
        Item("Inbox widget", "device", "admin_inboxdemo.index", "sender"),
    )),
    Group("Administration", (
        Item("API keys", "key", "admin_keys.index_view", "admin"),
        Item("Webhooks", "megaphone", "admin_webhooks.index_view", "admin"),
        Item("Operators", "shield", "admin_operators.index_view", "admin"),
        Item("Audit", "history", "admin_audit.index_view", key="g a"),
    )),
)


def navigation() -> list[Group]:
    """The menu as the signed-in operator may see it, with the current page marked."""
    groups = []
    for group in MENU:
        items = tuple(
            replace(item, current=item.endpoint.partition(".")[0] == request.blueprint)
            for item in group.items if auth.allowed(item.role)
        )
        if items:
            groups.append(Group(group.title, items))
    return groups
