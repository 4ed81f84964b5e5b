"""Subscriber tokens: a good one opens one inbox; a thousand bad ones open nothing."""

import base64
import json
import random
import time
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from sqlalchemy import update

from dashboard import keys, tokens
from tasks.database import writing
from tasks.errors import InvalidToken
from tasks.models import ApiKey

OTHER_SECRET = "another secret, of another installation"


@pytest.fixture
def key(app):
    return keys.create_key("shop", ["inbox"], "test")[0]


def claims(**changes):
    base = {"sub": "42", "aud": "carillon-inbox", "exp": int(time.time()) + 600}
    return {name: value for name, value in {**base, **changes}.items() if value is not None}


def reason(token):
    with pytest.raises(InvalidToken) as caught:
        tokens.verify(token)
    assert caught.value.detail
    assert caught.value.remedy
    return caught.value.reason


def test_issued_tokens_are_good_for_an_hour(key):
    token, expires_at = tokens.issue(key, "42")
    found = tokens.verify(token)
    assert (found.subject, found.key_id, found.expires_at) == ("42", key.id, expires_at)
    assert timedelta(minutes=59) < expires_at - datetime.now(UTC) <= timedelta(hours=1)
    header = jwt.get_unverified_header(token)
    assert (header["alg"], header["kid"]) == ("HS256", key.prefix)


@pytest.mark.parametrize("lifetime", [0, -1, 3601])
def test_a_lifetime_out_of_range_is_refused(key, lifetime):
    with pytest.raises(ValueError, match="3600"):
        tokens.issue(key, "42", lifetime)


def test_a_service_may_sign_itself(key):
    secret = keys.signing_secret(key)
    assert tokens.verify(jwt.encode(claims(), secret, headers={"kid": key.prefix})).subject == "42"
    assert tokens.verify(jwt.encode(claims(aud=["carillon-inbox", "x"]), secret, headers={"kid": key.prefix})).subject == "42"


def test_a_token_that_names_no_key_is_tried_on_those_there_are(key):
    other, _ = keys.create_key("other", ["inbox"], "test")
    found = tokens.verify(jwt.encode(claims(), keys.signing_secret(key)))
    assert found.key_id == key.id
    assert tokens.verify(jwt.encode(claims(), keys.signing_secret(other))).key_id == other.id
    assert reason(jwt.encode(claims(exp=1), keys.signing_secret(key))) == "expired"


@pytest.mark.parametrize(("changes", "why"), [
    ({"exp": 1}, "expired"), ({"exp": int(time.time()) - 5}, "expired"), ({"exp": None}, "malformed"),
    ({"exp": "soon"}, "malformed"),
    ({"exp": time.time() + 1e9}, "too_long"), ({"exp": time.time() + 3 * 3600}, "too_long"), ({"exp": float("inf")}, "malformed"),
    ({"exp": 10**400}, "malformed"), ({"exp": True}, "expired"), ({"exp": []}, "malformed"),
    ({"aud": "carillon"}, "wrong_audience"), ({"aud": None}, "malformed"), ({"aud": 7}, "wrong_audience"),
    ({"sub": None}, "malformed"), ({"sub": ""}, "malformed"), ({"sub": 42}, "malformed"), ({"sub": ["42"]}, "malformed"),
    ({"nbf": int(time.time()) + 86_400}, "not_yet"), ({"iat": int(time.time()) + 86_400}, "not_yet"),
])
def test_claims_that_will_not_do(key, changes, why):
    token = jwt.encode({}, keys.signing_secret(key), headers={"kid": key.prefix})
    head = token.split(".")[0]
    assert reason(sign(head, claims(**changes), keys.signing_secret(key))) == why


def sign(head, payload, secret):
    """A token with any claims: the library refuses to write some of these."""
    body = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode()
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = algorithm.sign(f"{head}.{body}".encode(), algorithm.prepare_key(secret))
    return f"{head}.{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@pytest.mark.parametrize(("token", "why"), [
    (None, "missing"), ("", "missing"), (42, "missing"), ({"a": 1}, "missing"), ("nonsense", "malformed"), ("a.b.c", "malformed"),
    ("." * 10, "malformed"), ("x" * 5000, "malformed"), ("é.é.é", "malformed"),
])
def test_what_is_no_token(key, token, why):
    assert reason(token) == why


@pytest.mark.parametrize("kid", ["\ud800", "a\x00b", "x" * 500])
def test_a_token_may_name_anything_as_its_key(key, kid):
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": kid}).encode()).rstrip(b"=").decode()

    assert reason(sign(head, claims(), keys.signing_secret(key))) == "unknown_key"


@pytest.mark.parametrize("changes", [{"sub": "\ud800"}, {"exp": 10**400}])
def test_claims_that_no_database_and_no_clock_takes(key, changes):
    head = tokens.issue(key, "42")[0].split(".")[0]

    assert reason(sign(head, claims(**changes), keys.signing_secret(key))) == "malformed"


@pytest.mark.parametrize("change", [{"is_active": False}, {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, {"scopes": ["send"]}])
def test_a_key_that_is_off_vouches_for_nobody(key, change):
    token, _ = tokens.issue(key, "42")
    nameless = jwt.encode(claims(), keys.signing_secret(key))
    with writing() as connection:
        connection.execute(update(ApiKey).where(ApiKey.id == key.id).values(**change))
    assert reason(token) == "unknown_key"
    assert reason(nameless) == "bad_signature"


def forged(key, other, chance):
    """One bad token of many kinds."""
    good = jwt.encode(claims(sub=str(chance.randrange(1000))), keys.signing_secret(key), headers={"kid": key.prefix})
    head, body, signature = good.split(".")
    none = base64.urlsafe_b64encode(json.dumps({"alg": chance.choice(["none", "None", "NONE", ""]), "kid": key.prefix}).encode())
    victim = base64.urlsafe_b64encode(json.dumps(claims(sub="victim")).encode()).rstrip(b"=").decode()
    place = chance.randrange(len(signature) - 1)  # the last character has bits that mean nothing
    return chance.choice([
        jwt.encode(claims(), OTHER_SECRET, headers={"kid": key.prefix}),  # forged
        jwt.encode(claims(), OTHER_SECRET, headers={"kid": chance.randbytes(4).hex()}),  # foreign
        jwt.encode(claims(), OTHER_SECRET),
        jwt.encode(claims(), keys.signing_secret(other), headers={"kid": key.prefix}),  # the wrong key's
        jwt.encode(claims(exp=int(time.time()) - 1), keys.signing_secret(key), headers={"kid": key.prefix}),
        jwt.encode(claims(), keys.signing_secret(key), algorithm=chance.choice(["HS384", "HS512"]), headers={"kid": key.prefix}),
        f"{none.rstrip(b'=').decode()}.{body}.", f"{none.rstrip(b'=').decode()}.{body}.{signature}",  # none
        f"{head}.{victim}.{signature}",  # another person put into a good one
        f"{head}.{body}.{signature[:place]}{'A' if signature[place] != 'A' else 'B'}{signature[place + 1:]}",
        f"{head}.{body}", f"{head}.{body}.", good[: chance.randrange(len(good) - 2)], chance.randbytes(60).decode("latin-1"),
    ])


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")  # of the other algorithms tried here
def test_a_thousand_bad_tokens_open_nothing(key):
    other, _ = keys.create_key("other", ["inbox"], "test")
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    reasons = {reason(forged(key, other, chance)) for _ in range(1000)}
    assert reasons <= {"missing", "malformed", "bad_signature", "unknown_key", "expired"}
    assert {"malformed", "bad_signature", "unknown_key", "expired"} <= reasons
