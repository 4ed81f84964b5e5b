"""The pages of an import: upload, columns, progress, bad rows as a download, and the two buttons of two operators."""

import io
from collections.abc import Callable

import pytest

from tasks import jobs
from tasks.audience.recipients import find
from tasks.extensions import db
from tasks.imports import run, uploads
from tasks.models import AuditEntry, Import, Segment, SegmentMember
from tests import factories
from tests.dashboard.admin.browsing import Browser, error_of, words

FILE = "Customer ID;Mail;Plan\n1;ann@example.test;gold\n2;=nonsense;free\n"


@pytest.fixture
def editor(browse: Callable[[str], Browser]) -> Browser:
    return browse("editor")


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker does at once what it is woken for."""
    monkeypatch.setattr(jobs, "wake_import", lambda pk: run.run(pk, lambda: False))


def upload(browser: Browser, text: str | bytes = FILE, **fields: object):
    data = text.encode() if isinstance(text, str) else text
    return browser.post("/admin/imports/upload/", {"file": (io.BytesIO(data), "our people.csv"), **fields})


def row() -> Import:
    db.session.expire_all()
    return db.session.query(Import).order_by(Import.id.desc()).first()  # type: ignore[return-value]


def show(browser: Browser, **more: str) -> str:
    return browser.get("/admin/imports/show/", id=row().id, **more).text


def check(browser: Browser, *targets: str, **more: object):
    chosen = targets or ("id", "email", "attribute")
    fields = {f"target-{number}": one for number, one in enumerate(chosen)}
    return browser.post("/admin/imports/check/", {"id": row().id, "version": row().version, "creates": "yes", **fields, **more})


def test_a_file_becomes_people(editor: Browser) -> None:
    assert upload(editor).status_code == 302
    page = show(editor)
    assert "Say what its columns are" in page
    assert "ann@example.test" in words(page)

    check(editor)

    page = words(show(editor))
    assert "1 row is good, 1 row is bad" in page
    assert "Line 3, email" in page
    assert find("1") is None
    sheet = editor.get("/admin/imports/errors.csv", id=row().id)
    assert "3,email," in sheet.text
    assert sheet.headers["Content-Disposition"].startswith("attachment")
    editor.post("/admin/imports/write/", {"id": row().id, "version": row().version})
    assert "1 person imported" in words(show(editor))
    person = find("1")
    assert person is not None
    assert (person.email, person.attributes) == ("ann@example.test", {"Plan": "gold"})
    assert db.session.query(AuditEntry).filter_by(action="import", actor="editor@example.org").count() == 1
    assert "our people.csv" in words(editor.get("/admin/imports/").text)


def test_a_wrong_choice_is_said_beside_its_column_and_kept(editor: Browser) -> None:
    upload(editor)

    answer = check(editor, "id", "id", "country")

    assert answer.status_code == 422
    assert "Two columns are the id" in error_of(answer.text, "column-1")
    assert '<option value="country" selected>' in answer.text
    assert "No column is the id" in words(check(editor, "name", "email", "country").text)
    assert row().state == "uploaded"


@pytest.mark.parametrize(("data", "said"), [(b"", "empty"), (b"id\n", "no rows"), (b"PK\x03\x04\x00\x00", "no CSV")])
def test_what_is_no_table_is_refused_beside_the_field(editor: Browser, data: bytes, said: str) -> None:
    answer = upload(editor, data)
    assert answer.status_code == 422
    assert said in error_of(answer.text, "file")
    assert db.session.query(Import).count() == 0


def test_no_file_is_said(editor: Browser) -> None:
    assert "No file was chosen" in error_of(editor.post("/admin/imports/upload/", {}).text, "file")


def test_a_file_may_be_larger_than_other_requests(editor: Browser) -> None:
    parts = {'"csrf_token"': editor.token(), '"file"; filename="people.csv"': "id,note\n" + f"1,{'x' * 300}\n" * 6000}
    pieces = [f"--x\r\nContent-Disposition: form-data; name={name}\r\n\r\n{text}\r\n" for name, text in parts.items()]
    headers = {"Accept": "text/html", "Content-Type": "multipart/form-data; boundary=x"}

    answer = editor.client.post("/admin/imports/upload/", data="".join([*pieces, "--x--\r\n"]), headers=headers)

    assert answer.status_code == 302
    assert row().size > 1024 * 1024


def test_a_list_that_is_none_is_refused(editor: Browser) -> None:
    assert upload(editor, segment="x").status_code == 422


def test_a_file_for_a_list_changes_it_at_the_end(editor: Browser) -> None:
    factories.people(3)
    db.session.add(Segment(slug="beta", name="Beta"))
    db.session.commit()
    upload(editor, "id\n0\n2\nnobody\n", segment=str(db.session.query(Segment).one().id))
    check(editor, "id", creates="", replaces="yes")
    assert "Nobody is known by 'nobody'" in words(show(editor))
    assert db.session.query(SegmentMember).count() == 0

    editor.post("/admin/imports/write/", {"id": row().id, "version": row().version})

    assert "2 came onto the list, 0 left it. 1 bad row was left out." in words(show(editor))
    assert db.session.query(SegmentMember).count() == 2


def test_letters_that_look_wrong_are_read_anew(editor: Browser) -> None:
    upload(editor, "id;name\n1;Åsa\n".encode("cp1252"))
    assert "Åsa" in show(editor)
    editor.post("/admin/imports/reread/", {"id": row().id, "encoding": "utf-8-sig", "delimiter": ";"})
    assert row().encoding == "cp1252"
    editor.post("/admin/imports/reread/", {"id": row().id, "encoding": "cp1252", "delimiter": "tab"})
    assert [one[0] for one in row().columns] == ["id;name"]


def test_the_second_press_is_told_and_does_nothing(editor: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(editor)
    check(editor)
    version = row().version
    monkeypatch.setattr(jobs, "wake_import", lambda pk: None)
    editor.post("/admin/imports/write/", {"id": row().id, "version": version})
    editor.post("/admin/imports/write/", {"id": row().id, "version": version})

    page = show(editor)
    assert "Somebody was faster" in page
    assert "Importing" in page
    answer = editor.get("/admin/imports/progress/", id=row().id).get_json()
    assert (answer["state"], answer["ended"]) == ("writing", False)
    assert db.session.query(AuditEntry).filter_by(action="import").count() == 1
    editor.post("/admin/imports/cancel/", {"id": row().id})
    assert "Nothing was written." in words(show(editor))
    assert row().state == uploads.CANCELLED


def test_a_viewer_imports_nothing(browse: Callable[[str], Browser]) -> None:
    viewer = browse("viewer")
    assert viewer.get("/admin/imports/").status_code == 403
    assert upload(viewer).status_code == 403
    assert viewer.get("/admin/imports/show/?id=x").status_code == 403
