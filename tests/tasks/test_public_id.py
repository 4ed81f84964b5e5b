"""Public ids: sealed, checked, and of a shape every UUID parser takes."""

import uuid

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from tasks import public_id


@pytest.fixture(scope="module", autouse=True)
def _context():
    app = Flask("ids")
    app.extensions["carillon.public_id_key"] = lambda: b"k" * 32
    with app.app_context():
        yield


@given(st.integers(min_value=1, max_value=2**48 - 1))
def test_every_number_comes_back_and_the_uuid_is_a_version_8_of_rfc_9562(number):
    public = public_id.encode(public_id.NOTIFICATION, number)
    assert public_id.decode(public_id.NOTIFICATION, str(public)) == number
    assert public.version == 8
    assert public.variant == uuid.RFC_4122


@given(st.integers(min_value=1, max_value=2**48 - 1))
def test_an_id_of_one_kind_opens_nothing_of_another(number):
    assert public_id.decode(public_id.DELIVERY, public_id.encode(public_id.NOTIFICATION, number)) is None


@given(st.uuids())
def test_a_foreign_uuid_opens_nothing(foreign):
    assert public_id.decode(public_id.NOTIFICATION, foreign) is None


@given(st.integers(min_value=1, max_value=2**48 - 1), st.integers(min_value=0, max_value=127))
def test_one_flipped_bit_opens_nothing(number, bit):
    public = public_id.encode(public_id.BROADCAST, number)
    assert public_id.decode(public_id.BROADCAST, uuid.UUID(int=public.int ^ (1 << bit))) is None


@pytest.mark.parametrize("text", ["", "x", "123", "00000000-0000-0000-0000-000000000000"])
def test_nonsense_opens_nothing(text):
    assert public_id.decode(public_id.NOTIFICATION, text) is None
