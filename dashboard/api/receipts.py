"""POST /receipts/: what a provider learnt later, told by a small bridge that signs as Standard Webhooks does.

None of the shipped providers calls back by itself (SMTP bounces are mails, FCM and Sparrow have no callback), so what a gateway,
a bounce mailbox or a cloud's event stream knows is brought here in one form.
"""

from typing import Annotated, Literal
from uuid import UUID

from flask import jsonify
from pydantic import BaseModel, Field

from dashboard.api.resource import WITH_BODY, Answer, refusals, resource
from dashboard.api.schemas import Body
from dashboard.auth import signed
from tasks import public_id
from tasks.ledger import receipts
from tasks.ledger.processes import current_process_id

api = resource("receipts", "For providers: what became of a message later.")


class ReceiptBody(Body):
    """One delivery's receipt."""

    delivery_id: UUID = Field(description="The reference that the provider got with the message.", strict=False)
    status: Literal["delivered", "bounced"]
    reason: Annotated[str, Field(max_length=100, description="A short code, like mailbox_full.")] = ""
    detail: Annotated[str, Field(max_length=2_000, description="The provider's own words.")] = ""


class ReceiptsBody(Body):
    """Receipts, at most 1,000."""

    receipts: list[ReceiptBody] = Field(min_length=1, max_length=1_000)


class ReceiptsAnswer(BaseModel):
    """How many of them changed something. Repeats, late ones and unknown references do not."""

    changed: int
    ignored: int


@api.post("/receipts/", responses={200: ReceiptsAnswer, **refusals(*WITH_BODY)}, security=[])
@signed
def settle(body: ReceiptsBody) -> Answer:
    """Move deliveries from sent (or unknown) to delivered or bounced; never back.

    The headers webhook-id, webhook-timestamp and webhook-signature are Standard Webhooks', made with CARILLON_RECEIPTS_SECRET.
    """
    found = [(public_id.decode(public_id.DELIVERY, one.delivery_id), one) for one in body.receipts]
    known = [receipts.Receipt(pk, one.status, one.reason, one.detail) for pk, one in found if pk is not None]
    changed = sum(receipts.settle(known, current_process_id())) if known else 0
    return jsonify(changed=changed, ignored=len(body.receipts) - changed)
