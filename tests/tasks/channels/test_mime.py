"""The mail's bytes: the same as EmailMessage's to whoever reads them, and nothing in a name or title can break out."""

import binascii
import string
from email import message_from_bytes
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.channels import mime
from tasks.channels.base import Message
from tasks.channels.mime import CONTROLS, Sender, build, mailbox, sender

OWN = {"Date", "Message-ID", "Auto-Submitted", "X-Carillon-Delivery"}  # headers that the reference has not
ORIGIN = Sender("Shop Nepal", "news@shop.example")
HOSTILE = st.sampled_from([*',<>"\\@();:\r\n\x00', "\r\n", "Bcc: x@y.z", "=?utf-8?q?a?="])
TEXT = st.text(max_size=300) | st.lists(HOSTILE | st.text(max_size=20), max_size=30).map("".join)
PIECES = st.sampled_from([".", "..x", " ", "end \t", "=", "\r", "\r\n", "\n", "\x00", "word " * 30])
ADDRESSES = st.builds(
    "{}@{}.example".format,
    st.text(string.ascii_letters + string.digits + "!#$%&'*+-/=?^_`{|}~", min_size=1, max_size=20),
    st.text(string.ascii_lowercase, min_size=1, max_size=10),
)


def message(title: str = "t", text: str = "x", html: str = "", name: str = "", reference: str = "ref-1") -> Message:
    return Message(1, reference, "email", (), title, text, html, recipient_name=name)


def parsed(content: bytes) -> EmailMessage:
    found = message_from_bytes(content, policy=SMTP)
    assert isinstance(found, EmailMessage)
    return found


def visible(text: str) -> str:
    """What of a title or a name can arrive at all: one line, no control characters, no broken surrogates."""
    return CONTROLS.sub(" ", text.encode("utf-8", "replace").decode()).strip()


def body(text: str) -> str:
    """A body, its line ends and its end made equal."""
    return text.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")


def reference(title: str, text: str, html: str, address: str) -> EmailMessage:
    """The same mail as the standard library makes it."""
    made = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    made["From"] = Address("Shop Nepal", addr_spec="news@shop.example")
    made["To"] = Address(addr_spec=address)
    made["Subject"] = visible(title)
    made.set_content(body(text))
    made.add_alternative(body(html), subtype="html")
    return parsed(made.as_bytes())


@settings(max_examples=60, deadline=None)
@given(title=TEXT, text=TEXT, html=TEXT, name=TEXT, address=ADDRESSES)
@example(title="=?utf-8?q?evil?=", text=".\r\n..\n.", html="<p>\n.\n</p>", name="Sharma, Ram " * 8, address="a@b.example")
@example(title="a" * 2000, text=" \t\n \n", html="x\n" * 500, name="राम शर्मा " * 10, address="a@b.example")
def test_it_reads_like_the_standard_librarys_own(title: str, text: str, html: str, name: str, address: str) -> None:
    text, html = text or "x", html or "y"
    mail = build(message(title, text, html, name), address, ORIGIN)
    ours, theirs = parsed(mail.content), reference(title, text, html, address)
    assert [field for field in ours if field not in OWN] == list(theirs)
    assert "".join(str(make_header(decode_header(_raw(mail.content, "Subject")))).split()) == "".join(visible(title).split())
    assert ours["From"].addresses == theirs["From"].addresses
    assert [one.addr_spec for one in ours["To"].addresses] == [one.addr_spec for one in theirs["To"].addresses] == [address]
    parts = list(zip(ours.iter_parts(), theirs.iter_parts(), strict=True))
    assert [(mine.get_content_type(), mine.get_content_charset()) for mine, _ in parts] == [
        ("text/plain", "utf-8"), ("text/html", "utf-8"),
    ]
    for mine, other in parts:
        assert body(mine.get_content()) == body(other.get_content())
    assert not ours.defects


@settings(max_examples=100, deadline=None)
@given(st.lists(PIECES | st.text("ab.é =\t\n\r", max_size=90)))
@example(["\n", "\n"])
@example([".", "\n", "."])
@example(["\n", "word " * 30])
def test_lines_encoded_one_by_one_are_what_the_whole_would_be(pieces: list[str]) -> None:
    text = "x" * 200 + "".join(pieces)
    whole = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").replace("\n", "\r\n") + "\r\n"
    for _ in range(2):  # the second time from what was kept
        head, _, encoded = mime._part("plain", text).partition(b"\r\n\r\n")
        if b"base64" not in head:
            theirs = binascii.b2a_qp(whole.encode())  # it lets a blank at a line's end stick out
            assert encoded == theirs or max(map(len, theirs.split(b"\r\n"))) > 76
            assert binascii.a2b_qp(encoded) == whole.encode()
        assert max(map(len, encoded.split(b"\r\n"))) <= 76


def test_what_is_kept_of_lines_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mime, "_lines", {})
    mime._part("plain", "\n".join(map(str, range(3 * mime.KEPT_LINES))) + "\n" + "x" * (mime.KEPT_LINE + 1))
    assert 0 < len(mime._lines) <= mime.KEPT_LINES
    assert max(map(len, mime._lines)) <= mime.KEPT_LINE


@settings(max_examples=150, deadline=None)
@given(title=TEXT, name=TEXT, text=TEXT, ref=TEXT, address=ADDRESSES)
def test_nothing_breaks_out(title: str, name: str, text: str, ref: str, address: str) -> None:
    mail = build(message(title, text, "", name, ref), address, ORIGIN)
    head, _, _ = mail.content.partition(b"\r\n\r\n")
    fields = [line.split(b":")[0] for line in head.split(b"\r\n") if not line.startswith(b" ")]
    assert fields == [
        b"Date", b"From", b"To", b"Message-ID", b"Subject", b"Auto-Submitted", b"X-Carillon-Delivery", b"MIME-Version",
        b"Content-Type", b"Content-Transfer-Encoding",
    ]
    assert mail.recipient == address
    assert len(parsed(mail.content)["To"].addresses) == 1
    assert mail.content.isascii()
    assert b"\x00" not in mail.content
    assert max(map(len, mail.content.split(b"\r\n"))) <= 998
    assert b"\n" not in mail.content.replace(b"\r\n", b"")
    assert b"\r" not in mail.content.replace(b"\r\n", b"")


@settings(max_examples=100, deadline=None)
@given(name=TEXT, address=ADDRESSES)
@example(name="Sharma, Ram " * 8, address="a@b.example")
def test_a_name_arrives_whole(name: str, address: str) -> None:
    content = build(message(name=name), address, ORIGIN).content
    phrase = _raw(content, "To").rpartition("<")[0].strip()
    if phrase.startswith('"'):
        found = phrase[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    else:
        found = str(make_header(decode_header(phrase)))
    assert found == visible(name)


def _raw(content: bytes, field: str) -> str:
    head = content.partition(b"\r\n\r\n")[0].decode().replace("\r\n ", " ")
    return next(line.partition(": ")[2] for line in head.split("\r\n") if line.startswith(f"{field}:"))


@pytest.mark.parametrize(
    ("text", "html", "kinds"),
    [("a", "", ["text/plain"]), ("", "<p>a</p>", ["text/html"]), ("", "", ["text/plain"])],
)
def test_one_part_stands_alone(text: str, html: str, kinds: list[str]) -> None:
    mail = parsed(build(message(text=text, html=html), "a@b.c", ORIGIN).content)
    assert [part.get_content_type() for part in mail.walk()] == kinds


def test_latin_text_stays_legible_and_devanagari_small() -> None:
    assert b"Paid =E2=82=B91000 by eSewa." in build(message(text="Paid ₹1000 by eSewa."), "a@b.c", ORIGIN).content
    text = "तपाईंको भुक्तानी सफल भयो। " * 100
    assert len(build(message(text=text), "a@b.c", ORIGIN).content) < len(text.encode()) * 1.5


def test_the_message_id_comes_from_the_reference_and_the_senders_domain() -> None:
    first, again, other = (build(message(reference=ref), "a@b.c", ORIGIN).message_id for ref in ("r-1", "r-1", "r-2"))
    assert first == again == "<r-1@shop.example>"
    assert other != first


@pytest.mark.parametrize(
    ("given_as", "name", "address"),
    [
        ("news@shop.example", "", "news@shop.example"), ("Shop <news@shop.example>", "Shop", "news@shop.example"),
        ('"Shop, Nepal" <news@shop.example>', "Shop, Nepal", "news@shop.example"),
        ("पसल <news@straße.example>", "पसल", "news@xn--strae-oqa.example"), (" Shop <root@localhost> ", "Shop", "root@localhost"),
    ],
)
def test_mail_from_is_taken_apart(given_as: str, name: str, address: str) -> None:
    assert sender(given_as) == Sender(name, address)


@pytest.mark.parametrize("wrong", ["", "Shop", "a@b.c, d@e.f", "Shop <a@b.c>\r\nBcc: x@y.z", "a@@b.c", "Group: a@b.c, d@e.f;"])
def test_a_mail_from_that_is_not_one_address_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"address|@-sign"):
        sender(wrong)


@settings(max_examples=200, deadline=None)
@given(st.lists(HOSTILE | st.text(max_size=5) | ADDRESSES, max_size=6).map("".join))
@example("a@b.c, d@e.f")
@example("alice@x)bob@y")
@example("a@b.c\n")
@example("a@b.c\r\nRCPT TO:<d@e.f>")
def test_a_mailbox_is_one_address_or_none(address: str) -> None:
    try:
        found = mailbox(address)
    except ValueError:
        return
    assert found.count("@") == 1
    assert not set(found) & set(' \r\n\t,<>()[]:;\\"\x00')
    assert found.rpartition("@")[2].isascii()
