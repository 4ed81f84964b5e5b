"""The dialogue, command by command: whatever goes wrong wherever, each mail's outcome is what became of it."""

import pytest

from tasks.channels.base import Message, Outcome, Target
from tasks.channels.smtp import SmtpChannel
from tasks.config import Settings
from tests.peers.smtp_script import POINTS, SmtpScript, Wrong


def channel(script: SmtpScript, connections: int = 1) -> SmtpChannel:
    url = f"smtp://127.0.0.1:{script.port}"
    return SmtpChannel(Settings(smtp_url=url, mail_from="news@shop.example", smtp_connections=connections))


def message(number: int, address: str = "") -> Message:
    target = Target(address or f"p{number}@example.org")
    return Message(number, f"ref-{number}", "email", (target,), "Title", "Text\n.\n..\nend\n" * 2000)


def sent(script: SmtpScript, *messages: Message, connections: int = 1) -> list[Outcome]:
    made = channel(script, connections)
    outcomes = made.send(messages)
    made.close()
    return outcomes


def law(script: SmtpScript, outcomes: list[Outcome]) -> None:
    """Every `sent` was taken, all that was taken is `sent` or `unknown`, nothing was taken twice."""
    told = {outcome.results[0].target.address: outcome.status for outcome in outcomes}
    assert len(set(script.accepted)) == len(script.accepted)
    assert {address for address, status in told.items() if status == "sent"} <= set(script.accepted)
    assert set(script.accepted) <= {address for address, status in told.items() if status in {"sent", "unknown"}}


def test_the_envelope_goes_in_one_go_where_the_server_offers_it() -> None:
    with SmtpScript() as script:
        assert [outcome.status for outcome in sent(script, message(1), message(2))] == ["sent", "sent"]
        envelopes = [group for group in script.groups if group.startswith(b"MAIL")]
    assert [group.split(b":")[0::1][0] for group in envelopes] == [b"MAIL FROM"] * 2
    assert all(group.count(b"\r\n") == 3 and group.endswith(b"\r\nDATA\r\n") for group in envelopes)


def test_and_one_by_one_where_it_does_not() -> None:
    with SmtpScript(offers="8BITMIME") as script:
        assert sent(script, message(1))[0].status == "sent"
        assert all(group.count(b"\r\n") == 1 for group in script.groups if group[:4] in {b"MAIL", b"RCPT", b"DATA"})


@pytest.mark.parametrize("offers", ["PIPELINING", ""])
@pytest.mark.parametrize("says", ["", "421 4.3.2 going down", "451 4.3.0 not now", "550 5.1.1 never"])
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("mail", [1, 3])
def test_whatever_goes_wrong_wherever(point: str, says: str, mail: int, offers: str) -> None:
    if point == "body" and says:
        pytest.skip("nobody speaks in the middle of a body")
    with SmtpScript(Wrong(point, mail, says), offers=offers) as script:
        outcomes = sent(script, *(message(number) for number in range(1, 6)))
        law(script, outcomes)
    statuses = [outcome.status for outcome in outcomes]
    victim = statuses.pop(mail - 1)
    assert statuses == ["sent"] * 4
    if says.startswith("550"):
        assert victim == ("configuration" if point == "MAIL" else "permanent")
    elif says.startswith("451"):
        assert victim == "temporary"
    elif not says and point in {"body", "dot"}:  # all of it had left us: from there on nobody knows
        assert victim == "unknown"
    else:  # surely not taken: a kept session's end is no attempt, a new one's is a temporary failure
        assert victim == ("temporary" if mail == 1 else "sent")


def test_a_refused_recipient_whose_data_is_wanted_gets_an_empty_mail_and_the_session_goes_on() -> None:
    with SmtpScript(go_on=True, refusals={"gone.example": "550 5.1.1 no such user"}) as script:
        outcomes = sent(script, message(1, "a@gone.example"), message(2))
        law(script, outcomes)
    assert [outcome.status for outcome in outcomes] == ["permanent", "sent"]
    assert script.connections == 1


def test_a_refusal_stands_even_where_the_server_leaves_right_behind_it() -> None:
    wrong = Wrong("DATA", says="421 going down")
    with SmtpScript(wrong, go_on=True, refusals={"example.org": "550 5.1.1 no such user"}) as script:
        [outcome] = sent(script, message(1))
    assert (outcome.status, outcome.telling.code) == ("permanent", "550")


def test_a_server_that_takes_fewer_sessions_than_we_would_open_gets_all_mails_over_those() -> None:
    with SmtpScript(most=1) as script:
        outcomes = sent(script, *(message(number) for number in range(1, 17)), connections=4)
        law(script, outcomes)
    assert [outcome.status for outcome in outcomes] == ["sent"] * 16


RELAY = "554 5.7.1 <p@example.org>: Relay access denied"
POLICY = "550 5.7.1 Service unavailable; client host blocked"


def test_a_server_that_does_not_relay_is_a_matter_of_configuration() -> None:
    with SmtpScript(refusals={"example.org": RELAY}) as script:
        assert sent(script, message(1))[0].status == "configuration"


def test_a_recipient_named_relay_is_refused_on_its_own() -> None:
    with SmtpScript(refusals={"example.org": "550 5.7.1 <relay@example.org>: not welcome"}) as script:
        assert sent(script, message(1, "relay@example.org"))[0].status == "permanent"


def test_the_same_policy_refusal_to_everybody_is_about_us() -> None:
    with SmtpScript(refusals={"a.example": POLICY, "b.example": POLICY}) as script:
        made = channel(script)
        together = made.send([message(1, "x@a.example"), message(2, "x@b.example")])
        probe = made.send([message(3, "y@a.example")])  # what a breaker's probe gets while that lasts
        script.refusals.clear()
        freed = made.send([message(4, "y@a.example")])
        script.refusals["a.example"] = POLICY
        alone = made.send([message(5, "y@a.example")])
        made.close()
    assert [outcome.status for outcome in [*together, *probe]] == ["configuration"] * 3
    assert [outcome.status for outcome in [*freed, *alone]] == ["sent", "permanent"]


def test_one_domains_policy_refusal_is_its_own() -> None:
    with SmtpScript(refusals={"a.example": POLICY}) as script:
        outcomes = sent(script, message(1, "x@a.example"), message(2, "x@b.example"), message(3, "y@a.example"))
        assert [outcome.status for outcome in outcomes] == ["permanent", "sent", "permanent"]
        assert [outcome.status for outcome in sent(script, message(4, "x@a.example"), message(5, "z@a.example"))] == [
            "permanent", "permanent",
        ]
