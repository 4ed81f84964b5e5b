"""`carillon prune`: it says what it would do, and does it only when told."""

from datetime import timedelta

from sqlalchemy import func, select, update

from tasks.extensions import db
from tasks.models import Notification
from tasks.models.types import utcnow
from tasks.send import notify
from tests.dashboard.cli.conftest import Carillon, Inside
from tests.factories import person, template


def test_nothing_goes_until_it_is_told(carillon: Carillon, inside: Inside) -> None:
    with inside():
        template(title="Hi", message="Hi")
        person("42")
        notify("42", "payment_success")
        notify("42", "payment_success")
        oldest = db.session.scalar(select(func.min(Notification.pk)))
        db.session.execute(update(Notification).where(Notification.pk == oldest).values(created_at=utcnow() - timedelta(days=91)))
        db.session.commit()

    asked, wider = carillon("prune"), carillon("prune", "--days", "92")
    told, again = carillon("prune", "--yes"), carillon("prune", "--yes")

    assert asked.stdout.splitlines()[1].split()[-1] == "1"
    assert "Nothing was deleted. Add --yes to do it." in asked.stderr
    assert wider.stdout.splitlines()[1].split()[-1] == "0"
    assert told.stdout.splitlines()[1].split()[-1] == "1"
    assert again.stdout.splitlines()[1].split()[-1] == "0"
    with inside():
        assert db.session.scalar(select(func.count()).select_from(Notification)) == 1


def test_days_are_at_least_one(carillon: Carillon, inside: Inside) -> None:
    assert carillon("prune", "--days", "0").exit_code == 2
