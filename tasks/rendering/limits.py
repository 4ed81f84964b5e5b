"""Every number that bounds a template: its source, its data, its work and its output. Lengths are in characters."""

from typing import Final

TITLE: Final = "title"
MESSAGE: Final = "message"
SMS_TEXT: Final = "sms_text"
EMAIL_SUBJECT: Final = "email_subject"
EMAIL_HTML: Final = "email_html"
EMAIL_TEXT: Final = "email_text"
PARTS: Final = (TITLE, MESSAGE, SMS_TEXT, EMAIL_SUBJECT, EMAIL_HTML, EMAIL_TEXT)
ONE_LINE: Final = (TITLE, EMAIL_SUBJECT)

MAX_SOURCE: Final = {
    TITLE: 2_000, EMAIL_SUBJECT: 2_000, SMS_TEXT: 8_000, MESSAGE: 65_536, EMAIL_TEXT: 65_536, EMAIL_HTML: 262_144,
}
MAX_OUTPUT: Final = {
    TITLE: 200, EMAIL_SUBJECT: 200, SMS_TEXT: 1_530, MESSAGE: 65_536, EMAIL_TEXT: 65_536, EMAIL_HTML: 262_144,
}  # 1,530 characters are ten SMS of the usual alphabet

MAX_TAGS: Final = 1_000  # {{ and {% in one part
MAX_TOKENS: Final = 20_000  # words and signs of one part
MAX_NODES: Final = 8_000  # of the syntax tree
MAX_DEPTH: Final = 60  # of the syntax tree
MAX_LOOPS: Final = 4  # inside each other
MAX_RANGE: Final = 1_000  # items of range()

MAX_DATA_ITEMS: Final = 20_000  # values in the context, at any depth
MAX_DATA_TEXT: Final = 1_000_000  # characters of all its texts
MAX_DATA_DEPTH: Final = 20
MAX_DIGITS: Final = 40  # of a number

MAX_VALUE: Final = 262_144  # characters of a text that a filter or an operator makes
MAX_BUILT: Final = 2_000  # values in a list or mapping that the template itself writes

FUEL: Final = 200_000  # steps of one part for one person: about 50 ms of the dearest kind
DEADLINE: Final = 1.0  # seconds of one part for one person, whatever the steps say
