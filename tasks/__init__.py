"""Carillon's sender: the public Python API."""

from tasks.options import SendOptions
from tasks.send import broadcast, notify, notify_bulk
from tasks.setup import init_app

__all__ = ["SendOptions", "broadcast", "init_app", "notify", "notify_bulk"]
