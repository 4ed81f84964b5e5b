"""Bodies that work on the demo's data: shown at /docs/ beside each call, and run by a test.

Swagger fills in the first one when somebody presses "Try it out", so the first sample of a broadcast only tries.
"""

from typing import Any

PAYMENT = {"template_name": "payment_success", "data": {"amount": 1000, "gateway": "Khalti"}}
OFFER = {
    "template_name": "special_offer",
    "data": {"offer_title": "Dashain", "offer_code": "D30", "expiry_date": "1 October"},
}
MAYA = {"name": "Maya", "email": "maya@example.org", "phone": "+9779841234567", "country": "NP", "locale": "ne"}
ALL = {"All of the list": {"all": True}}
PERSON = "42"  # whose inbox and wishes the samples speak of

# By the name of the operation; the words say what the sample shows.
SAMPLES: dict[str, dict[str, dict[str, Any]]] = {
    "notifications_send": {
        "On the channels of the rule": {**PAYMENT, "recipient": {"id": PERSON, **MAYA, "tokens": ["device-token"]}},
        "On one channel, with the results": {**PAYMENT, "recipient": {"id": PERSON}, "channel": "email", "async": False},
        "Only try": {**PAYMENT, "recipient": {"id": PERSON, **MAYA}, "dry_run": True},
    },
    "bulk_send": {
        "Two people, one with variables of their own": {
            **PAYMENT,
            "recipients": [{"id": PERSON, **MAYA}, {"id": "43", "email": "asha@example.org", "data": {"amount": 250}}],
        },
    },
    "explanations_explain_ahead": {
        "What a payment would ring": {"template_name": "payment_success", "recipient": {"id": PERSON, **MAYA}},
    },
    "broadcasts_send": {
        "Only try": {**OFFER, "audience": "subscribed", "exclude": ["vip"], "dry_run": True},
        "To a segment, by its slug": {**OFFER, "audience": "nepal", "rate_per_minute": 600},
        "By a rule, in a part of the day": {
            **OFFER,
            "audience": {"combinator": "and", "rules": [{"field": "country", "operator": "=", "value": "NP"}]},
            "timezone": "Asia/Kathmandu", "window": "09:00-20:00", "expires_in": 172_800,
        },
        "A hundred first": {**OFFER, "audience": "all", "canary": {"people": 100, "wait": 60}},
    },
    "recipients_save": {"A person": {**MAYA, "tokens": ["device-token"], "attributes": {"plan": "gold"}}},
    "preferences_choose": {
        "No offers by SMS": {"notification_type": "special_offer", "channel": "sms", "opted_out": True},
        "No offers at all": {"notification_type": "special_offer", "channel": None, "opted_out": True},
    },
    "presence_who": {"Is any of these three here?": {"ids": [PERSON, "43", "44"]}},
    "inbox_mark_read": ALL, "inbox_mark_unread": ALL, "inbox_archive": ALL, "inbox_delete": ALL,
    "inbox_unarchive": {"All of the archive": {"all": True}},
    "keys_create": {
        "For the test system": {"name": "shop, tests", "scopes": ["send", "read"], "kind": "test"},
        "Held to one template": {
            "name": "till", "scopes": ["send"], "templates": ["payment_success"], "channels": ["sms"], "rate_per_minute": 60,
        },
    },
    "keys_rotate": {"Both work for a day": {"overlap": 86_400}},
    "webhooks_make": {"Deliveries alone": {"url": "https://example.com/carillon", "events": ["deliveries.updated"]}},
    "webhooks_change": {"Switch it on again": {"is_active": True}},
    "receipts_settle": {
        "A mail came back": {
            "receipts": [
                {"delivery_id": "5e0b7c7e-3a53-8d4e-9f2d-2f1f0c1f7b11", "status": "bounced", "reason": "mailbox_full"},
            ],
        },
    },
    "rounds_finish": {
        "Whoever could not be reached": {"reasons": ["gave_up"]},
        "Failed e-mail alone": {"chosen": [{"channel": "email", "state": "failed"}]},
    },
    "resend_again": {"By e-mail": {"channel": "email"}},
}


def add_samples(document: dict[str, Any]) -> None:
    """Put the samples, and the id of their person, into an OpenAPI document."""
    for path, operations in document["paths"].items():
        for operation in operations.values():
            shown = SAMPLES.get(operation["operationId"])
            if shown is not None:
                content = operation["requestBody"]["content"]["application/json"]
                content["examples"] = {words: {"value": body} for words, body in shown.items()}
            if path.startswith(("/recipients/{id}/", "/inbox/{id}/")):
                next(one for one in operation["parameters"] if one["name"] == "id")["example"] = PERSON
