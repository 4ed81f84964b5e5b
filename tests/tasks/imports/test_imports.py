"""Files from upload to people: checked without a trace, written in batches, resumed, cancelled; lists change once."""

import io

import pytest
from sqlalchemy import select, update

from tasks.audience.erase import erase
from tasks.audience.recipients import find, save
from tasks.database import writing
from tasks.errors import InvalidImport, WrongState
from tasks.extensions import db
from tasks.imports import columns, run, uploads
from tasks.models import AuditEntry, Import, ImportFault, ImportMember, ImportPart, Recipient, Segment, SegmentMember
from tests import factories


def keep(text, *, segment=None, encoding="utf-8"):
    data = text if isinstance(text, bytes) else text.encode(encoding)
    return uploads.keep(io.BytesIO(data), "people.csv", "ann@example.org", segment and segment.id)


def row_of(pk):
    db.session.expire_all()
    found = db.session.get(Import, pk)
    assert found is not None
    return found


def check(pk, targets=None, kinds=None, **options):
    row = row_of(pk)
    uploads.check(
        row, row.version, targets or [one[1] for one in row.columns], kinds or [one[2] for one in row.columns], **options
    )
    run.run(pk, lambda: False)
    return row_of(pk)


def write(pk, stopping=lambda: False):
    uploads.write(pk, row_of(pk).version)
    run.run(pk, stopping)
    return row_of(pk)


def ids():
    return set(db.session.scalars(select(Recipient.external_id)))


def a_list():
    made = Segment(slug="beta", name="Beta")
    db.session.add(made)
    db.session.commit()
    return made


def on_list(segment):
    joined = select(Recipient.external_id).join(SegmentMember, SegmentMember.recipient_id == Recipient.id)
    return set(db.session.scalars(joined.where(SegmentMember.segment_id == segment.id)))


def test_a_file_is_checked_without_a_trace_and_then_its_good_rows_are_written(any_app):
    rows = "1;ann@example.test;;gold;7\n2;nonsense;;gold;8\n1;;;;\n3;;+9779841234567;;9\n"
    pk = keep(f"Customer ID;E-Mail;Mobile;Plan;orders\n{rows}")
    row = row_of(pk)
    assert [one[1] for one in row.columns] == ["id", "email", "phone", "attribute", "attribute"]
    assert (row.encoding, row.delimiter) == ("utf-8-sig", ";")

    row = check(pk)

    assert (row.state, row.total, row.read, row.good, row.bad) == ("checked", 4, 4, 2, 2)
    assert ids() == set()
    faults = list(db.session.execute(select(ImportFault.line, ImportFault.column).order_by(ImportFault.line)))
    assert [tuple(one) for one in faults] == [(3, "email"), (4, "id")]
    row = write(pk)
    assert (row.state, row.saved) == ("done", 2)
    assert ids() == {"1", "3"}
    assert find("1").attributes == {"Plan": "gold", "orders": 7}
    assert db.session.query(ImportPart).count() == 0


def test_a_list_changes_once_and_only_by_people_who_are_known(any_app):
    factories.people(6)
    segment = a_list()
    first = check(keep("id\n0\n1\n2\nnobody\n", segment=segment))
    assert (first.good, first.bad, first.creates) == (3, 1, False)
    assert on_list(segment) == set()

    done = write(first.id)

    assert (done.joined, done.left, on_list(segment)) == (3, 0, {"0", "1", "2"})
    assert "nobody" not in ids()
    again = write(_checked(segment, "id\n2\n3\n"))
    assert (again.joined, again.left, on_list(segment)) == (1, 2, {"2", "3"})
    assert db.session.query(ImportMember).count() == 0
    assert db.session.query(AuditEntry).filter_by(action="members", actor="ann@example.org").count() == 2


def _checked(segment, text):
    pk = keep(text, segment=segment)
    check(pk, creates=False, replaces=True)
    return pk


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(run, "BATCH", 10)


def test_what_a_dead_worker_left_is_taken_up_where_it_was(any_app, small_batches):
    segment = a_list()
    pk = keep("id,name\n" + "".join(f"p{number},Person {number}\n" for number in range(45)), segment=segment)
    check(pk, creates=True)
    looks = iter([False, False, True])

    row = write(pk, lambda: next(looks))

    assert (row.state, row.read, row.saved, row.lease_token) == ("writing", 20, 20, None)
    assert len(ids()) == 20
    assert on_list(segment) == set()
    assert run.due() == [pk]
    with writing() as connection:  # another worker holds it
        connection.execute(update(Import).values(lease_token="x", lease_until=uploads.db_clock(60)))
    assert run.due() == []
    run.run(pk, lambda: False)
    assert row_of(pk).read == 20
    with writing() as connection:  # and dies
        connection.execute(update(Import).values(lease_until=uploads.db_clock(-1)))
    run.run(pk, lambda: False)
    row = row_of(pk)
    assert (row.state, row.saved, row.joined) == ("done", 45, 45)
    assert len(on_list(segment)) == 45


def test_whoever_cancels_stops_it_between_two_batches(any_app, small_batches):
    segment = a_list()
    pk = keep("id\n" + "".join(f"p{number}\n" for number in range(45)), segment=segment)
    check(pk, creates=True)
    looks = iter([False, True])

    def stop_meanwhile():
        if next(looks):
            uploads.cancel(pk)
        return False

    row = write(pk, stop_meanwhile)

    assert (row.state, row.saved) == ("cancelled", 10)
    assert on_list(segment) == set()
    assert db.session.query(ImportPart).count() == 0
    with pytest.raises(WrongState):
        uploads.cancel(pk)


def test_of_two_who_press_one_acts(any_app):
    row = check(keep("id\n1\n"))
    version = row.version
    uploads.write(row.id, version)
    with pytest.raises(WrongState):
        uploads.write(row.id, version)


def test_columns_are_chosen_and_some_are_left_out(any_app):
    pk = keep("nr,who,zip,note,\n7,Ann,00123,secret,\n")
    row = check(pk, ["id", "name", "attribute", "ignore", "ignore"], ["auto"] * 5)
    assert (row.good, row.bad) == (1, 0)
    write(pk)
    assert (find("7").name, find("7").attributes) == ("Ann", {"zip": "00123"})


@pytest.mark.parametrize(("targets", "field"), [
    (["name", "name", "id"], "column-1"), (["name", "email", "phone"], "id"), (["id", "what", "name"], "column-1"),
    (["id", "attribute", "name"], "column-1"),
])
def test_a_choice_that_cannot_be_names_its_column(targets, field):
    with pytest.raises(InvalidImport) as caught:
        columns.checked(["nr", "token", "x"], targets, ["auto"] * 3)
    assert caught.value.field == field


@pytest.mark.parametrize(("data", "encoding"), [
    ("id,name\n1,Åsa\n", "utf-8"), ("id,name\n1,Åsa\n", "utf-8-sig"), ("id;name\r\n1;Åsa\r\n", "cp1252"),
    ("id\tname\n1\tÅsa\n", "utf-16"), ('sep=;\nid;name\n="1";="Åsa"\n', "utf-8-sig"),
])
def test_files_as_spreadsheets_save_them(app, data, encoding):
    pk = keep(data, encoding=encoding)
    check(pk)
    write(pk)
    assert find("1").name == "Åsa"


@pytest.mark.parametrize(("data", "said"), [
    (b"", "empty"), (b"id,name\n", "no rows"), (b"PK\x03\x04\x00\x00\x00", "no CSV"), (b"a," * 300 + b"\n1\n", "too many"),
])
def test_what_is_no_table_is_refused_and_not_kept(app, data, said):
    with pytest.raises(InvalidImport) as caught:
        keep(data)
    assert said in str(caught.value)
    assert db.session.query(Import).count() == db.session.query(ImportPart).count() == 0


def test_a_file_that_is_too_large_is_refused(app, monkeypatch):
    monkeypatch.setattr(uploads, "LARGEST", 100)
    with pytest.raises(InvalidImport, match="larger"):
        keep("id\n" + "1\n" * 100)


def test_a_number_that_a_spreadsheet_shortened_is_a_bad_row(app):
    row = check(keep("id,phone\n1,9.77984E+12\n"))
    assert (row.good, row.bad) == (0, 1)
    assert "shortened" in db.session.query(ImportFault).one().detail


def test_a_file_that_ends_in_the_middle_of_a_quotation_fails_in_words(app):
    pk = keep("id,name\n" + "1,Ann\n" * 9 + '2,"Ann\n')
    row = check(pk)
    assert row.state == "failed"
    assert "no CSV" in row.detail


def test_a_fault_of_ours_ends_it_instead_of_being_tried_for_ever(app, monkeypatch):
    def broken(*_arguments):
        raise ZeroDivisionError

    monkeypatch.setattr(run, "table", broken)
    row = check(keep("id\n1\n"))
    assert (row.state, run.due()) == ("failed", [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_a_file_that_names_somebody_who_is_erased_goes_with_them(any_app, encoding, monkeypatch):
    monkeypatch.setattr(uploads, "PIECE", 7)  # bytes: the name lies across two pieces
    pk = save({"id": "asha-1", "name": "Édith Größe"}).id
    db.session.rollback()
    named = keep("id,name\nasha-1,Édith Größe\n", encoding=encoding)
    other = keep("id,name\nbina-1,Bina\n")

    erase(pk)

    assert (row_of(named).state, "erased" in row_of(named).detail) == ("failed", True)
    assert {part.import_id for part in db.session.scalars(select(ImportPart))} == {other}
