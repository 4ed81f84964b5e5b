"""Dashboard accounts: making them, and checking a password without telling a stranger anything."""

import re
import threading
from datetime import timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import has_request_context, request
from sqlalchemy import RowMapping, func, or_, select, update

from dashboard import audit
from dashboard.limits import Failures
from tasks.database import writing
from tasks.errors import AlreadyExists, InvalidOption
from tasks.extensions import db
from tasks.models import Operator
from tasks.models.types import utcnow
from tasks.models.words import ROLES

EMAIL = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+")
SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 1024  # characters
FREE_TRIES = 5  # wrong passwords before an account rests
FIRST_REST, LONGEST_REST = 30, 15 * 60  # seconds; each further wrong password doubles it

failures = Failures(100, 10 * 60)  # of one address; with a proxy in front, set CARILLON_TRUST_PROXY to tell people apart
hasher = PasswordHasher()  # argon2id; a change of its parameters rewrites each hash at its owner's next login
_at_once = threading.BoundedSemaphore(2)  # a hash takes 64 MB: a flood of logins must not take the machine


def add_operator(email: str, password: str, role: str, name: str = "") -> Operator:
    """Make and commit an account. Raises InvalidOption naming the field, AlreadyExists where the e-mail is taken."""
    email = email.strip().lower()
    if len(email) > 254 or not EMAIL.fullmatch(email):
        raise InvalidOption(f"{email!r} is no e-mail address.", field="email", remedy="Write it like name@example.org.")
    check_role(role)
    check_password(password)
    if db.session.scalar(select(Operator.id).where(Operator.email == email)):
        raise AlreadyExists(f"{email} has an account already.", field="email", remedy="Change that account instead.")
    row = Operator(email=email, name=name, password_hash=_hash(password), role=role)
    db.session.add(row)
    db.session.flush()
    audit.record("create", "operator", row.id, {"email": [None, email], "role": [None, role]})
    db.session.commit()
    return row


def set_password(row: Operator, password: str) -> None:
    """Give an account a new password and end its sessions; commits. Raises InvalidOption where it is too short."""
    check_password(password)
    row.password_hash = _hash(password)
    row.session_epoch += 1
    row.failed_logins, row.locked_until = 0, None
    audit.record("update", "operator", row.id, {"password": [None, None]})
    db.session.commit()


def change(row: Operator, *, name: str, role: str, is_active: bool, by: int | None) -> None:
    """Change an account; the caller commits. `by` is the account that does it (None: a program).

    Raises InvalidOption where it is one's own rights that would go, or the last administrator's.
    """
    check_role(role)
    stays = role == "admin" and is_active
    if row.id == by and not stays:
        raise InvalidOption("This is your own account.", field="role", remedy="Let another administrator take your role away.")
    if not stays and row.role == "admin":
        _keep_an_admin(row)
    if row.is_active and not is_active:
        row.session_epoch += 1
    row.name, row.role, row.is_active = name, role, is_active


def _keep_an_admin(row: Operator) -> None:
    # The administrators' rows are locked first: of two who demote each other at once, the second sees what the first did.
    admins = (Operator.role == "admin", Operator.is_active)
    same = update(Operator).where(*admins).values(role=Operator.role)
    db.session.execute(same, execution_options={"synchronize_session": False})
    if not db.session.scalar(select(func.count()).select_from(Operator).where(*admins, Operator.id != row.id)):
        raise InvalidOption("This is the last administrator.", field="role", remedy="Make somebody else an administrator first.")


def check_role(role: str) -> None:
    """Raise InvalidOption where there is no such role."""
    if role not in ROLES:
        raise InvalidOption(f"There is no role {role!r}.", field="role", remedy=f"Choose from {', '.join(ROLES)}.")


def check_password(password: str) -> None:
    """Raise InvalidOption where the password is too short or absurdly long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidOption(
            f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.", field="password",
            remedy="Several words in a row make a good one.",
        )


def any_operator() -> bool:
    """True where at least one account exists."""
    return db.session.scalar(select(Operator.id).limit(1)) is not None


def verify(email: str, password: str) -> Operator | None:
    """The account, where the password is right and it is active and not resting; else None, whatever the reason.

    After five wrong passwords an account rests 30 s, then twice as long each time, up to 15 minutes. Every call costs
    one hash and one write, also for accounts that do not exist, so that its time tells nothing. A hundred failures from one
    address within ten minutes close this door to that address.
    """
    address = (request.remote_addr or "") if has_request_context() else ""
    if failures.too_many(address):
        return None
    email, decoy = email.strip().lower(), _nobodys_hash()
    attempt = _take_attempt(email if EMAIL.fullmatch(email) else "")
    right = _matches(attempt["password_hash"] if attempt else decoy, password)
    if attempt is None or not right:
        failures.note(address)
        return None
    row = db.session.get_one(Operator, attempt["id"], populate_existing=True)
    row.failed_logins, row.locked_until, row.last_login_at = 0, None, utcnow()
    if hasher.check_needs_rehash(row.password_hash):
        row.password_hash = _hash(password)
    db.session.commit()
    return row


def _take_attempt(email: str) -> RowMapping | None:
    """Count the attempt before it is judged: of many guesses at once, only the free ones are looked at."""
    now = utcnow()
    awake = or_(Operator.locked_until.is_(None), Operator.locked_until <= now)
    take = (
        update(Operator).where(Operator.email == email, Operator.is_active, awake)
        .values(failed_logins=Operator.failed_logins + 1)
        .returning(Operator.id, Operator.password_hash, Operator.failed_logins)
    )
    with writing() as connection:
        found = connection.execute(take).mappings().one_or_none()
        rest = _rest(found["failed_logins"]) if found else None
        target = Operator.id == (found["id"] if found else select(func.min(Operator.id)).scalar_subquery())
        # Nobody's attempt writes too, and changes nothing: a known account must not be told by its disk write.
        values = {"locked_until": now + rest if rest else Operator.locked_until}
        connection.execute(update(Operator).where(target).values(values))
    return found


def _rest(failed: int) -> timedelta | None:
    if failed < FREE_TRIES:
        return None
    return timedelta(seconds=min(FIRST_REST * 2 ** min(failed - FREE_TRIES, 10), LONGEST_REST))


def _matches(known: str, password: str) -> bool:
    with _at_once:
        try:
            return hasher.verify(known, password[: LONGEST_PASSWORD + 1])
        except (VerificationError, InvalidHashError):
            return False


def _hash(password: str) -> str:
    with _at_once:
        return hasher.hash(password)


@cache
def _nobodys_hash() -> str:
    return _hash("nobody has this password")
