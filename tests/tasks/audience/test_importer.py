"""CSV files as they come from spreadsheets: imported in batches, with every bad row reported and none of it written."""

import tracemalloc

import pytest
from sqlalchemy import func, select

from tasks.audience.importer import import_csv
from tasks.audience.recipients import find
from tasks.errors import InvalidImport
from tasks.extensions import db
from tasks.models import Device, Recipient
from tests.tasks.audience.counting import statements


@pytest.fixture
def load(tmp_path):
    """Write a file and import it; returns the last report and all errors."""

    def run(content, encoding="utf-8"):
        path = tmp_path / "people.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        reports = list(import_csv(path))
        return reports[-1], [error for report in reports for error in report.errors]

    return run


def known():
    return db.session.scalar(select(func.count()).select_from(Recipient))


def test_every_column_finds_its_place(any_app, load):
    report, errors = load(
        "ID,Name, Email ,phone,locale,timezone,country,token,Plan,orders\n"
        '42,"Ann, B",Ann@Example.TEST,984-1234567,ne,asia/kathmandu,np,tok,pro,7\n'
        "43,,,,,,,,,\n"
    )
    assert (report.read, report.total, report.saved, errors) == (2, 2, 2, [])
    ann = find("42")
    assert (ann.name, ann.email, ann.phone) == ("Ann, B", "Ann@example.test", "+9779841234567")
    assert (ann.locale, ann.timezone, ann.country) == ("ne", "Asia/Kathmandu", "NP")
    assert ann.attributes == {"Plan": "pro", "orders": 7}
    assert [device.token for device in ann.devices] == ["tok"]
    assert find("43").attributes == {}


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("id,name\n1,Åsa\n", "utf-8"), ("id,name\n1,Åsa\n", "utf-8-sig"), ("id;name\r\n1;Åsa\r\n", "utf-8-sig"),
        ("id\tname\n1\tÅsa\n", "utf-16"), ('"id";"name"\n"1";"Åsa"\n', "utf-8"), ("sep=;\nid;name\n1;Åsa\n", "utf-8"),
        ("\n\nid,name\n\n1,Åsa\n,\n", "utf-8"), ("id,name\r1,Åsa", "utf-8"), ('id;name\n1;Åsa\n2;"a,b,c"\n', "utf-8"),
    ],
)
def test_files_of_every_spreadsheet(app, load, content, encoding):
    report, errors = load(content, encoding)
    assert errors == []
    assert report.saved == report.total
    assert find("1").name == "Åsa"


def test_bad_rows_are_reported_with_line_and_column_and_leave_nothing(any_app, load):
    report, errors = load(
        "id,email,phone,orders:number,name,,token\n"
        "1,ann@example.test,,3,,,\n"
        "2,not an address,,,,,t2\n"
        "3,,12,,,,\n"
        '4,,,many,"two\nlines",,\n'
        "5,,,,,stray,\n"
        "6,,,,,,,more\n"
        ",x@example.test,,,,,\n"
        "1,other@example.test,,,,,\n"
        "7,,,,,,\n"
    )
    assert [(error.line, error.column) for error in errors] == [
        (3, "email"), (4, "phone"), (5, "orders"), (7, ""), (8, ""), (9, "id"), (10, "id"),
    ]
    assert all(error.detail and error.remedy for error in errors)
    assert "line 2" in errors[-1].detail
    assert str(errors[0]).startswith("line 3, email: 'not an address'")
    assert (report.read, report.total, report.saved) == (9, 9, 2)
    assert known() == 2
    assert find("1").email == "ann@example.test"
    assert db.session.scalar(select(func.count()).select_from(Device)) == 0


def test_attributes_keep_the_kind_that_the_whole_column_has(app, load):
    load(
        "id,orders,price,zip,long,vip,mixed,empty,code:text,n:number\n"
        "1,10,1.50,07030,1234567890123456,TRUE,1,,12,5\n"
        "2,,-2,44600,1,false,x,,13,\n"
    )
    assert find("1").attributes == {
        "orders": 10, "price": 1.5, "zip": "07030", "long": "1234567890123456", "vip": True, "mixed": "1", "code": "12", "n": 5,
    }
    assert find("2").attributes == {"price": -2, "zip": "44600", "long": "1", "vip": False, "mixed": "x", "code": "13"}


def test_empty_cells_clear_nothing_and_the_same_file_again_changes_nothing(app, load):
    load("id,name,email,plan\n1,Ann,ann@example.test,pro\n")
    load("id,name,email,plan\n1,,,\n")
    assert (find("1").name, find("1").email, find("1").attributes) == ("Ann", "ann@example.test", {"plan": "pro"})
    with statements() as seen:
        load("id,name,email,plan\n1,Ann,ann@example.test,pro\n")
    assert [statement.split()[0] for statement in seen] == ["SELECT"]


def test_a_large_file_goes_in_batches_and_reports_its_progress(any_app, tmp_path):
    path = tmp_path / "many.csv"
    rows = (f"{n},p{n}@example.test,{'' if n % 500 else 'x'}" for n in range(2500))
    path.write_text("id,email,phone\n" + "\n".join(rows))
    with statements() as seen:
        reports = list(import_csv(path))
    assert [(report.read, len(report.errors)) for report in reports] == [(1000, 2), (2000, 2), (2500, 1)]
    assert {report.total for report in reports} == {2500}
    assert reports[-1].saved == known() == 2495
    assert len(seen) == 6  # a select and an upsert for each batch


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"", "id"), (b"name,email\nx,y\n", "id"), (b"id,name,Name\n", "'name' twice"), (b"id,x,x\n", "'x' twice"),
        (b"id,attributes\n", "attributes"), (b"id,x:date\n", "date"), (b"id,name\n1,\xc5\n", "UTF-8"),
        (b'id,name\n1,"open\n', "CSV"),
    ],
)
def test_a_file_that_is_no_table_is_refused_before_anything_is_written(app, load, content, wrong):
    with pytest.raises(InvalidImport, match=wrong) as caught:
        load(b"id\n1\n" if content is None else content)
    assert caught.value.remedy
    assert known() == 0


def test_a_file_that_is_not_there_is_named(app, tmp_path):
    with pytest.raises(InvalidImport, match=r"none\.csv"):
        list(import_csv(tmp_path / "none.csv"))


def test_an_empty_table_reports_once(app, load):
    report, errors = load("id,name\n")
    assert (report.read, report.total, report.saved, errors) == (0, 0, 0, [])


@pytest.mark.parametrize("row", [b"1," + b"ab," * 400_000, b'1,"\n' + b'","\n' * 300_000], ids=["one line", "many lines"])
def test_a_row_as_long_as_a_file_is_not_taken_into_memory(app, load, row):
    tracemalloc.start()
    try:
        with pytest.raises(InvalidImport, match="longer than"):
            load(b"id,name\n" + row)
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()
    assert known() == 0
