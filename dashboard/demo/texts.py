"""The demo's templates and rules: what spec and README speak of."""

from typing import Any

from tasks.models.words import EMAIL, PUSH, RETRY, SMS

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body style="margin:0;padding:24px;background:#f3f4f6;font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif">
<table role="presentation" align="center" width="100%" cellpadding="0" cellspacing="0"
 style="max-width:520px;background:#ffffff;border-radius:8px">
<tr><td style="padding:28px 32px">
{body}
</td></tr>
</table>
<p style="max-width:520px;margin:16px auto;font-size:12px;color:#6b7280;text-align:center">{foot}</p>
</body>
</html>
"""
_H1 = '<h1 style="margin:0 0 12px;font-size:20px;color:#111827">'
_P = '<p style="margin:0 0 16px;font-size:16px;line-height:1.5;color:#374151">'
_CELL = 'style="padding:6px 0;font-size:15px;color:#374151;border-top:1px solid #e5e7eb"'

_PAYMENT_HTML = _PAGE.format(
    body=(
        _H1 + "Thank you{% if recipient.name %}, {{ recipient.name }}{% endif %}</h1>\n"
        + _P + "Your payment has arrived. There is nothing else to do.</p>\n"
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0">\n'
        f'<tr><td {_CELL}>Amount</td><td align="right" {_CELL}><strong>₹{{{{ amount }}}}</strong></td></tr>\n'
        f'<tr><td {_CELL}>Paid through</td><td align="right" {_CELL}>{{{{ gateway }}}}</td></tr>\n'
        "</table>"
    ),
    foot="You get this because you paid us. Keep it as your receipt.",
)
_OFFER_HTML = _PAGE.format(
    body=(
        _H1 + "{{ offer_title }}</h1>\n"
        + _P + "Show this code at any station, or type it into the app before you rent:</p>\n"
        '<p style="margin:0 0 16px;padding:12px;font-size:24px;letter-spacing:3px;text-align:center;background:#eef2ff;'
        'border-radius:6px;color:#3730a3"><strong>{{ offer_code }}</strong></p>\n'
        '<p style="margin:0;font-size:14px;color:#6b7280">It works until {{ expiry_date }}.</p>'
    ),
    foot="You get this because you rented a power bank with us.",
)

TEMPLATES: tuple[dict[str, Any], ...] = (
    {
        "slug": "payment_success", "name": "Payment received", "notification_type": "payment_success",
        "description": "After every payment. Variables: amount, gateway.",
        "title": "Payment Successful - ₹{{ amount }}",
        "message": "We received ₹{{ amount }} through {{ gateway }}. Thank you!",
        "sms_text": "Rs {{ amount }} received through {{ gateway }}. Thank you!",
        "email_subject": "Your payment of ₹{{ amount }}",
        "email_html": _PAYMENT_HTML,
        "email_text": (
            "Thank you{% if recipient.name %}, {{ recipient.name }}{% endif %}!\n\nYour payment has arrived.\n\n"
            "Amount:       ₹{{ amount }}\nPaid through: {{ gateway }}\n\nKeep this as your receipt.\n"
        ),
    },
    {
        "slug": "rental_started", "name": "Rental started", "notification_type": "rental_started",
        "description": "When a power bank leaves a station. Variables: powerbank_id, station_name, rental_time.",
        "title": "Your rental has started",
        "message": (
            "Power bank {{ powerbank_id }} is yours since {{ rental_time }}, from {{ station_name }}. Return it at any station."
        ),
    },
    {
        "slug": "special_offer", "name": "Special offer", "notification_type": "special_offer",
        "description": "For broadcasts. Variables: offer_title, offer_code, expiry_date.",
        "title": "{{ offer_title }}",
        "message": "Use the code {{ offer_code }} until {{ expiry_date }}.",
        "sms_text": "{{ offer_title }}: code {{ offer_code }}, until {{ expiry_date }}.",
        "email_subject": "{{ offer_title }}: your code {{ offer_code }}",
        "email_html": _OFFER_HTML,
        "email_text": "{{ offer_title }}\n\nYour code: {{ offer_code }}\nIt works until {{ expiry_date }}.\n",
    },
    {
        "slug": "otp_sms", "name": "Verification code", "notification_type": "otp_verification",
        "description": "A code to sign in with. Variable: otp.",
        "title": "Your verification code",
        "message": "{{ otp }} is your verification code. It works for 10 minutes. Never tell it to anybody.",
        "sms_text": "{{ otp }} is your verification code. It works for 10 minutes. Never tell it to anybody.",
    },
    {
        "slug": "maintenance_notice", "name": "Maintenance", "notification_type": "maintenance_notice",
        "description": "There is no rule for this type: it is shown in the app only. Variable: date.",
        "title": "Maintenance on {{ date }}",
        "message": "On {{ date }} our stations will be offline for about an hour. Rentals that run are not charged for it.",
    },
)

RULES: tuple[dict[str, Any], ...] = (
    {"notification_type": "rental_started", "channels": [PUSH], "description": "On the phone that rented it."},
    {
        "notification_type": "payment_success", "channels": [PUSH, SMS, EMAIL], "priority": 3,
        "description": "On every channel: it is a receipt.",
    },
    {
        "notification_type": "special_offer", "channels": [PUSH], "priority": 7,
        "description": "Nice to know: after everything else.",
    },
    {
        "notification_type": "otp_verification", "channels": [SMS], "priority": 0, "expires_after": 600, "on_unknown": RETRY,
        "mandatory": True,
        "description": "First in every queue. After ten minutes it is worth nothing; a second copy does no harm.",
    },
)
