"""The proof of a broadcast: what its rows say, checked and hashed, and the rows themselves for whoever wants to check it."""

from itertools import chain
from uuid import UUID

from flask import Response, jsonify

from dashboard.api.resource import Answer, refusals, resource
from dashboard.api.round_answers import ProofAnswer
from dashboard.api.schemas import ExportQuery, PublicPath
from dashboard.auth import api_key
from dashboard.pieces import pieces
from tasks import public_id
from tasks.errors import UnknownBroadcast
from tasks.proof import export, prove

api = resource("broadcasts", "One message to an audience.", name="proofs")
ROWS = {
    "description": "JSON lines: a head, one line a delivery, and a tail with the numbers and the hash. "
    "`/static/check_proof.py` checks them without Carillon.",
    "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
}


@api.get("/broadcasts/<uuid:id>/proof/", responses={200: ProofAnswer, **refusals(404)})
@api_key("read")
def show(path: PublicPath) -> Answer:
    """Every clause of the ledger's law, checked over all rows of one moment, with a hash over them.

    It reads every row: give it time. It works on a running broadcast too, and says that it is not at rest.
    """
    return jsonify(prove(_pk(path.id)).as_json())


@api.get("/broadcasts/<uuid:id>/proof/rows/", responses={200: ROWS, **refusals(404, 422)})
@api_key("read")
def rows(path: PublicPath, query: ExportQuery) -> Answer:
    """The deliveries with their attempts' outcomes, as lines to be checked by somebody else: with `/static/check_proof.py`."""
    lines = export(_pk(path.id), anonymous=query.anonymous)
    whole = chain([next(lines)], lines)  # the first line now: what is wrong is still an answer of its own
    name = f"proof-{path.id}{'-anonymous' if query.anonymous else ''}.ndjson"
    return Response(
        ("".join(lot) for lot in pieces(whole)),
        mimetype="application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _pk(broadcast_id: UUID) -> int:
    pk = public_id.decode(public_id.BROADCAST, broadcast_id)
    if pk is None:
        raise UnknownBroadcast("No broadcast has this id.", field="id", remedy="Use the id that POST /notify/broadcast/ gave.")
    return pk
