"""Where an import stands, in words, and the words of its choices."""

from typing import Any

from dashboard.admin.display.story import Story
from tasks.imports.uploads import CANCELLED, CHECKED, CHECKING, DONE, FAILED, UPLOADED, WRITING
from tasks.models import Import

ENDED = (DONE, FAILED, CANCELLED)
TARGET_WORDS = (
    ("id", "Id"), ("name", "Name"), ("email", "E-mail address"), ("phone", "Phone number"), ("locale", "Language"),
    ("timezone", "Time zone"), ("country", "Country"), ("token", "Device token"),
    ("attribute", "An attribute"), ("ignore", "Leave out"),
)
KIND_WORDS = (("auto", "As it looks"), ("text", "Text"), ("number", "Number"), ("boolean", "True or false"))


def story(row: Import) -> Story:
    """One sentence that says where it stands, and one that says what follows."""
    bad = f"{row.bad:,} {'row is' if row.bad == 1 else 'rows are'} bad"
    if row.state == UPLOADED:
        return Story("Say what its columns are", "Nothing is written yet.")
    if row.state == CHECKING:
        return Story("Checking every row", "Nothing is written yet. You can leave this page; the work goes on.")
    if row.state == CHECKED:
        if not row.good:
            return Story("No row can be imported", "Below is why. Correct the file, or choose other columns.", "danger")
        kind: Any = "warning" if row.bad else "success"
        return Story(f"{row.good:,} {'row is' if row.good == 1 else 'rows are'} good, {bad if row.bad else 'none is bad'}",
                     "Nothing is written yet." + (" Bad rows are left out." if row.bad else ""), kind)
    if row.state == WRITING:
        return Story("Importing", "You can leave this page; the work goes on.")
    if row.state == DONE:
        left = f" {row.bad:,} bad {'row was' if row.bad == 1 else 'rows were'} left out." if row.bad else ""
        return Story(f"{row.saved:,} {'person' if row.saved == 1 else 'people'} imported", _on_list(row) + left, "success")
    if row.state == CANCELLED:
        wrote = f"{row.saved:,} people were written before that and stay." if row.saved else "Nothing was written."
        return Story("Cancelled", wrote + (" The list is as it was." if row.segment_id else ""))
    return Story("It could not go on", row.detail or "No reason was kept.", "danger")


def _on_list(row: Import) -> str:
    if row.segment_id is None:
        return ""
    return f"{row.joined:,} came onto the list" + (f", {row.left:,} left it." if row.replaces else ".")


def as_json(row: Import) -> dict[str, Any]:
    """What the watching script needs, with the words already made."""
    return {
        "state": row.state, "ended": row.state not in (CHECKING, WRITING), "read": row.read, "total": row.total,
        "good": row.good, "bad": row.bad, "words": _far(row),
    }


def _far(row: Import) -> str:
    if not row.total:
        return "Counting the rows"
    bad = f", {row.bad:,} bad" if row.bad else ""
    return f"{row.read:,} of {row.total:,} rows{bad}"
