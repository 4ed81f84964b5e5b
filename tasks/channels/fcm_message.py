"""One push message in FCM's own terms."""

import json

from firebase_admin import messaging

from tasks.channels.base import Message, Target

RESERVED = {"from", "notification", "message_type"}  # FCM refuses a message whose data uses these, or google* and gcm*


def encode(message: Message, target: Target) -> messaging.Message:
    """The message for one device (see `draft`), checked. Raises ValueError where the SDK finds something wrong."""
    encoded = draft(message, target)
    str(encoded)  # the SDK's own checks run while it encodes
    return encoded


def draft(message: Message, target: Target) -> messaging.Message:
    """The message for one device. On the device a repeat of the same delivery replaces the first instead of ringing twice.

    Every value of `data` becomes a string, as FCM wants it (what is not text becomes JSON), and a reserved name gets an
    underscore behind it.
    """
    encoded = messaging.Message(
        notification=messaging.Notification(title=message.title, body=message.text),
        data={
            **{_name(key): _text(value) for key, value in message.data.items()},
            "notification_id": message.notification_id,
            "notification_type": message.notification_type,
            "delivery_id": message.reference,
        },
        android=messaging.AndroidConfig(notification=messaging.AndroidNotification(tag=message.reference)),
        apns=messaging.APNSConfig(headers={"apns-collapse-id": message.reference[:64]}),
    )
    # Set afterwards: the constructor warns that tokens give way to installation ids, and silencing a warning is not
    # something that several threads can do at once.
    setattr(encoded, "fid" if target.kind == "fid" else "token", target.address)
    return encoded


def _name(key: object) -> str:
    name = str(key)
    return f"{name}_" if name in RESERVED or name.startswith(("google", "gcm")) else name


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
