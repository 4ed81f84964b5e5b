"""`carillon send`, `broadcast` and `status`: through the same door as everybody's."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tasks.audience import recipients
from tasks.extensions import db
from tasks.models import Broadcast, Notification, Recipient
from tasks.models.types import utcnow
from tests.dashboard.cli.conftest import Carillon, Inside
from tests.factories import person, rule, template


@pytest.fixture(autouse=True)
def prepared(inside: Inside) -> None:
    with inside():
        template(title="[bold]₹{{ amount }}[/]", message="Tax {{ amount * 2 }}")
        rule(channels=("email", "sms"))
        person("42", email="maya@example.test", name="Maya", country="NP")


def test_a_message_is_sent_before_the_command_ends(carillon: Carillon) -> None:
    result = carillon("send", "payment_success", "--to", "42", "amount:=1000", "--json")

    assert result.exit_code == 0
    (found,) = json.loads(result.stdout)
    assert (found["title"], found["message"], found["data"]) == ("[bold]₹1000[/]", "Tax 2000", {"amount": 1000})
    assert {row["channel"]: row["status"] for row in found["deliveries"]} == {
        "in_app": "sent", "sms": "skipped", "email": "sent",
    }


def test_what_a_person_reads_says_every_channel(carillon: Carillon) -> None:
    result = carillon("send", "payment_success", "--to", "42", "amount:=7")

    assert "to 42: [bold]₹7[/]" in result.stdout
    lines = {line.split()[0]: line for line in result.stdout.splitlines()[1:]}
    assert "no_phone" in lines["sms"]
    assert "simulator" in lines["email"]
    assert "sent" in lines["email"]


def test_an_unsent_message_waits_for_a_worker(carillon: Carillon) -> None:
    (found,) = json.loads(carillon("send", "payment_success", "--to", "42", "--async", "--json", "amount:=1").stdout)

    assert {row["channel"]: row["status"] for row in found["deliveries"]}["email"] == "queued"
    assert found["status"] == "queued"


def test_values_are_text_unless_they_are_json(carillon: Carillon) -> None:
    result = carillon("send", "payment_success", "--to", "42", "amount=007")

    assert result.exit_code == 1
    assert "needs numbers, not a text" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("payment_succes", "--to", "42"), "Did you mean payment_success?"),
        (("payment_success", "--to", "42"), "amount"),
        (("payment_success", "--to", "nobody", "amount:=1"), "Add --email or --phone"),
        (("payment_success", "--to", "new", "--email", "not-an-address", "amount:=1"), "is not an e-mail address"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(
    carillon: Carillon, inside: Inside, arguments: tuple[str, ...], words: str
) -> None:
    result = carillon("send", *arguments)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr
    with inside():
        assert db.session.scalar(select(func.count()).select_from(Notification)) == 0


@pytest.mark.parametrize("wrong", ["amount", "=5", "a-b=1", "amount:=[1,"])
def test_a_malformed_variable_is_a_usage_error(carillon: Carillon, wrong: str) -> None:
    result = carillon("send", "payment_success", "--to", "42", wrong)

    assert result.exit_code == 2
    assert "Write " in result.stderr


def test_a_new_person_can_come_along(carillon: Carillon, inside: Inside) -> None:
    said = ("--phone", "9841234567", "--channel", "sms", "amount:=1")
    result = carillon("send", "payment_success", "--to", "new", *said, "--json")

    assert [row["channel"] for row in json.loads(result.stdout)[0]["deliveries"]] == ["in_app", "sms"]
    with inside():
        found = recipients.find("new")
        assert found is not None
        assert found.phone == "+9779841234567"


def test_of_several_a_bad_one_stops_nobody(carillon: Carillon) -> None:
    result = carillon("send", "payment_success", "--to", "42", "--to", "nobody", "amount:=1", "--json")

    assert result.exit_code == 1
    assert [found["recipient_id"] for found in json.loads(result.stdout)] == ["42"]
    assert "nobody: Nobody is known" in result.stderr
    assert carillon("send", "payment_success", "--to", "1", "--to", "2", "--email", "a@b.org").exit_code == 2


def test_a_broadcast_prints_its_id_alone(carillon: Carillon, inside: Inside) -> None:
    result = carillon("broadcast", "payment_success", "--audience", "all", "amount:=5")

    assert result.exit_code == 0
    (written,) = result.stdout.splitlines()
    assert "Everybody: 1 people now." in result.stderr
    assert "No worker is running" in result.stderr
    with inside():
        made = db.session.scalars(select(Broadcast)).one()
        assert (str(made.id), made.created_by, made.state) == (written, "cli", "queued")
    assert "queued" in carillon("status", written).stdout
    assert json.loads(carillon("status", written, "--json").stdout)["is_broadcast"] is True


def test_a_broadcast_can_wait_for_its_time(carillon: Carillon) -> None:
    day = f"{utcnow() + timedelta(days=30):%Y-%m-%d}"
    command = ("broadcast", "payment_success", "--audience", "all", "--json", "amount:=5", "--send-at")

    made = json.loads(carillon(*command, f"{day}T09:00+05:45").stdout)

    assert (made["status"], made["send_at"]) == ("scheduled", f"{day}T03:15:00+00:00")
    assert carillon(*command, "tomorrow").exit_code == 2
    naive = carillon(*command, f"{day} 09:00")
    assert (naive.exit_code, "has no time zone" in naive.stderr) == (1, True)
    assert "within a year" in carillon(*command, "2099-01-31T00:00Z").stderr


def test_a_broadcast_by_the_clock_of_a_zone_says_all_that_it_was_asked(carillon: Carillon) -> None:
    day = f"{utcnow() + timedelta(days=30):%Y-%m-%d}"

    made = carillon(
        "broadcast", "payment_success", "--audience", "all", "--send-at", f"{day} 09:00", "--timezone", "Asia/Kathmandu",
        "--window", "10:00-20:00", "--rate", "600", "--expires-in", "2d", "amount:=5",
    )

    assert f"It waits for 10:00 on {day} Asia/Kathmandu." in made.stderr
    shown = " ".join(carillon("status", made.stdout.strip()).stdout.split())
    assert f"scheduled waits for 10:00 on {day} Asia/Kathmandu" in shown
    assert f"local time {day} 09:00 Asia/Kathmandu" in shown
    assert "window 10:00-20:00 Asia/Kathmandu rate 600 a minute expires" in shown


def test_a_rate_that_reaches_nobody_in_time_is_told(carillon: Carillon) -> None:
    people = '{"ids": ["42"]}'

    told = carillon("broadcast", "payment_success", "--audience", people, "--rate", "1", "--expires-in", "30s", "amount:=5")

    assert "Give a longer --expires-in" in told.stderr
    assert carillon("broadcast", "payment_success", "--audience", people, "--expires-in", "soon", "amount:=5").exit_code == 2


def test_pause_resume_and_cancel_and_who_was_first(carillon: Carillon) -> None:
    made = carillon("broadcast", "payment_success", "--audience", "all", "amount:=5").stdout.strip()

    states = [carillon(action, made).stdout.strip() for action in ("pause", "resume", "cancel")]
    assert states == ["paused", "queued", "cancelled"]
    again = carillon("resume", made)
    assert again.exit_code == 1
    assert again.stderr.startswith("Error: The broadcast is cancelled: it cannot resume now. Last change: cancel by cli at ")
    assert "No broadcast has this id" in carillon("pause", "7").stderr


def test_an_unknown_audience_is_named(carillon: Carillon, inside: Inside) -> None:
    result = carillon("broadcast", "payment_success", "--audience", "nepall", "amount:=5")

    assert result.exit_code == 1
    assert "There is no segment 'nepall'" in result.stderr
    with inside():
        assert db.session.scalar(select(func.count()).select_from(Broadcast)) == 0


def test_an_audience_may_be_a_definition(carillon: Carillon) -> None:
    listed = carillon("broadcast", "payment_success", "--audience", '{"ids": ["42", "43"]}', "amount:=5")

    assert listed.exit_code == 0
    assert "2 listed people: 1 people now." in listed.stderr
    assert carillon("broadcast", "payment_success", "--audience", '{"ids": [', "amount:=5").exit_code == 2
    assert carillon("broadcast", "payment_success", "--audience", "{}", "amount:=5").exit_code == 1


def test_status_shows_the_attempts(carillon: Carillon, inside: Inside) -> None:
    with inside():
        row = db.session.scalars(select(Recipient)).one()
        row.email = "bounce@example.test"
        db.session.commit()
    (sent,) = json.loads(carillon("send", "payment_success", "--to", "42", "amount:=1", "--json").stdout)

    shown = carillon("status", sent["notification_id"]).stdout

    assert "[bold]₹1[/]" in shown
    assert "simulated_bounce" in shown
    assert "refused" in shown


@pytest.mark.parametrize("id", ["nonsense", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_id_is_named(carillon: Carillon, id: str) -> None:
    result = carillon("status", id)

    assert result.exit_code == 1
    assert result.stderr == f"Error: No notification and no broadcast has the id {id}. Use the id that sending gave.\n"


def test_a_message_is_explained_channel_by_channel(carillon: Carillon) -> None:
    sent = json.loads(carillon("send", "payment_success", "--to", "42", "--channel", "sms", "amount:=1", "--json").stdout)[0]

    shown = carillon("explain", sent["notification_id"])
    machine = json.loads(carillon("explain", sent["notification_id"], "--json").stdout)

    assert "The call asked for SMS only." in shown.stdout
    assert [one["channel"] for one in machine["channels"]] == ["in_app", "push", "sms", "email"]
    assert "No notification has the id" in carillon("explain", "nothing").stderr


def test_a_dry_run_tells_all_and_its_plan_holds_the_send(carillon: Carillon, inside: Inside) -> None:
    command = ("broadcast", "payment_success", "--audience", "all", "amount:=1000")

    tried = carillon(*command, "--dry-run", "--rate", "60")
    assert tried.exit_code == 0, tried.output
    assert "Everybody: 1 person. Nothing was sent." in tried.stdout
    assert "no_phone: The recipient has no phone number." in tried.stdout
    plan = tried.stdout.splitlines()[-1]
    found = json.loads(carillon(*command, "--dry-run", "--rate", "60", "--json").stdout)
    assert (found["plan_hash"], found["audience_count"], found["duration"]["seconds"]) == (plan, 1, 1.0)

    with inside():
        person("43")
    moved = carillon(*command, "--rate", "60", "--plan", plan)
    assert moved.exit_code == 1
    assert "1 person came into the audience, 0 people left it." in moved.stderr
    with inside():
        assert db.session.scalar(select(func.count()).select_from(Broadcast)) == 0
