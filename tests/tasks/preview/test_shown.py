"""A template as one person gets it: every part, what is wrong, and both sides of its conditions."""

from tasks import templates
from tasks.preview.shown import show

ASHA = {"id": "1", "name": "Asha", "country": "NP", "attributes": {}}
BEN = {"id": "2", "name": "Ben", "country": "DE", "attributes": {}}
PARTS = {"title": "Hello {{ recipient.name }}", "message": "You owe {{ amount }}", "sms_text": "", "email_html": ""}


def test_every_part_reads_as_the_sending_writes_it() -> None:
    shown = show(PARTS, {"amount": 5}, ASHA)
    sent = templates.preview(PARTS, {"amount": 5}, ASHA)

    assert shown.texts == {name: getattr(sent, name) for name in shown.texts}
    assert len(shown.texts) == 6
    assert (dict(shown.faults), shown.gaps, shown.variables) == ({}, (), ("amount",))
    assert "You owe 5" in shown.texts["email_html"]


def test_a_broken_part_is_told_with_its_place_and_spoils_only_what_is_made_of_it() -> None:
    shown = show({**PARTS, "title": "Hello {{ recipient.nam }}"}, {"amount": 5}, ASHA)

    assert set(shown.texts) == {"message", "sms_text", "email_text"}
    fault = shown.faults["email_subject"]
    assert (fault.part, fault.line, fault.column) == ("title", 1, 20)
    assert "nam" in fault.message
    assert fault.remedy


def test_a_variable_without_value_stands_in_its_text_until_it_has_one() -> None:
    shown = show(PARTS, {}, ASHA)
    assert shown.gaps == ("amount",)
    assert shown.texts["message"] == "You owe <amount>"
    assert "You owe &lt;amount&gt;" in shown.texts["email_html"]

    picky = show({**PARTS, "message": "{{ amount|round }}\n{{ other.deep }}"}, {}, ASHA)
    assert "message" not in picky.texts
    assert (picky.faults["message"].part, picky.faults["message"].line) == ("message", 1)
    assert "'amount' is missing" in picky.faults["message"].message


def test_what_one_person_lacks_is_said_and_not_filled_in() -> None:
    shown = show({**PARTS, "message": "a\n{{ recipient.attributes.plan }}"}, {}, ASHA)
    fault = shown.faults["message"]
    assert (fault.line, shown.gaps) == (2, ())
    assert "recipient.attributes.plan" in fault.message


def test_both_sides_of_a_condition_are_shown() -> None:
    parts = {**PARTS, "message": "{% if recipient.country == 'NP' %}Namaste {{ recipient.name }}{% else %}Hello{% endif %}"}
    fork, = show(parts, {}, ASHA).forks
    assert fork.is_reached
    assert [(side.words, side.is_taken, side.text) for side in fork.sides] == [
        ("if recipient.country == 'NP'", True, "Namaste Asha"), ("else", False, "Hello"),
    ]
    assert [side.is_taken for side in show(parts, {}, BEN).forks[0].sides] == [False, True]


def test_a_forced_side_changes_every_part_made_of_it() -> None:
    parts = {**PARTS, "message": "{% if vip %}Dear{% else %}Hi{% endif %}"}
    forced = show(parts, {"vip": False}, ASHA, ("message", 0, 0))
    assert forced.texts["message"] == forced.texts["sms_text"] == "Dear"
    assert not forced.forks[0].sides[0].is_taken  # what the person really takes is still said
    assert show(parts, {"vip": False}, ASHA, ("message", 7, 0)).texts["message"] == "Hi"


def test_a_side_that_cannot_be_written_for_this_person_says_why() -> None:
    parts = {**PARTS, "message": "{% if recipient.attributes.plan is defined %}{{ recipient.attributes.plan }}{% endif %}"}
    fork, = show(parts, {}, ASHA).forks
    assert [side.is_taken for side in fork.sides] == [False, True]
    assert "plan" in fork.sides[0].fault


def test_a_condition_in_a_side_not_taken_is_not_reached() -> None:
    parts = {**PARTS, "message": "{% if recipient.country == 'DE' %}{% if vip %}a{% endif %}{% endif %}"}
    assert [fork.is_reached for fork in show(parts, {"vip": 1}, ASHA).forks] == [True, False]
