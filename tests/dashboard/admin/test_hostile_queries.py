"""Whatever stands in an address: a page or a refusal, never a stack trace."""

import pytest
from flask import Flask

from tests.dashboard.admin.browsing import Browser

PAGES = {
    "/admin/compose/": "template", "/admin/recipients/": "find", "/admin/deliveries/": "recipient", "/admin/audit/": "actor",
    "/admin/broadcasts/details/": "id", "/admin/templates/message/": "id", "/admin/templates/edit/": "id",
    "/admin/rules/": "search", "/admin/preview/people/": "q", "/admin/compose/people/": "plan",
}


@pytest.mark.parametrize("hostile", ["a\0b", "9" * 18, "9" * 30], ids=["nul", "large", "huge"])
def test_an_address_with_anything_in_it_is_no_server_error(any_app: Flask, hostile: str) -> None:
    browser = Browser(any_app, "admin")

    found = {page: browser.client.get(page, query_string={name: hostile}).status_code for page, name in PAGES.items()}

    assert {page: status for page, status in found.items() if status >= 500} == {}
