"""The CSV file that came with a draft: every row that is wrong is listed, or its people are the audience."""

import tempfile
from pathlib import Path

from flask import request
from flask_login import current_user

from dashboard import audit
from dashboard.admin.forms.draft import SEGMENT, UPLOAD, Draft
from tasks.audience import listed
from tasks.audience.listed import Checked
from tasks.errors import CarillonError
from tasks.extensions import db

FIELD = "people_file"
LARGEST = 20 * 1024 * 1024  # bytes of a form with a file


def take(draft: Draft, *, without_bad: bool) -> Checked | None:
    """Make the uploaded file's people the draft's audience: a static list of their own, chosen from then on.

    Where rows are wrong nothing is written and the rows come back, unless the operator says to go on `without_bad` ones. None:
    there was nothing to take. What is wrong with the file as a whole is marked in the draft.
    """
    file = request.files.get(FIELD)
    if draft.audience != UPLOAD or file is None or not file.filename:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        file.save(path)
        try:
            checked = listed.check(path)
            if checked.bad and not (without_bad and checked.good):
                return checked
            slug = listed.keep(checked, file.filename, current_user.email)
        except CarillonError as error:
            draft.errors[FIELD] = str(error)
            return None
    audit.record("create", "segment", slug, {"people": [None, checked.good], "file": [None, file.filename[:200]]})
    db.session.commit()
    draft.audience, draft.segment = SEGMENT, slug
    return checked
