"""MJML into HTML, once, when a template is saved. Jinja's tags travel through it and come out where they belong."""

import difflib
import re
from itertools import count

import mrml

from tasks.errors import InvalidTemplate
from tasks.rendering.limits import EMAIL_HTML
from tasks.rendering.mail.tags import (
    Element,
    Markup,
    Places,
    Tag,
    is_tame,
    is_too_deep,
    jinja_tags,
    line_and_column,
    without_tags,
)

ELEMENTS = """mjml mj-head mj-body mj-attributes mj-all mj-class mj-breakpoint mj-font mj-html-attributes mj-selector
    mj-html-attribute mj-preview mj-style mj-title mj-accordion mj-accordion-element mj-accordion-title mj-accordion-text
    mj-button mj-carousel mj-carousel-image mj-column mj-divider mj-group mj-hero mj-image mj-navbar mj-navbar-link mj-raw
    mj-section mj-social mj-social-element mj-spacer mj-table mj-text mj-wrapper"""
KNOWN = frozenset(re.findall(r"\S+", ELEMENTS))
MOST_ELEMENTS = 5_000
WITHOUT_MARKUP = ("mj-style", "mj-title", "mj-preview")
_options = mrml.ParserOptions(include_loader=mrml.noop_loader())
_renders = mrml.RenderOptions(fonts={})  # by default every mail would ask a font server who reads it; mj-font still works


def compiled_mjml(source: str) -> str:
    """The HTML of an MJML source whose Jinja syntax is right. Raises InvalidTemplate with line and column in `extra`."""
    tags = jinja_tags(source)
    markup = _read(source, without_tags(source, tags))
    _check_elements(source, markup)
    key = next(f"cj{number}k" for number in count() if f"cj{number}k" not in source)
    plain = Places(_without_markup(markup))
    steering = [number for number, tag in enumerate(tags) if not tag.prints and not plain.hold(tag.start)]
    html = _compile(source, _disguised(source, tags, key, frozenset(steering)))
    _check_kept(source, tags, html, key, steering)
    return re.sub(rf"<!--{key}(\d+)z-->|{key}(\d+)z", lambda found: tags[int(found.group(1) or found.group(2))].text, html)


def _read(source: str, bare: str) -> Markup:
    """The markup. Refuses what would take minutes, or the compiler's stack: that ends the process, without a word."""
    if not is_tame(bare):
        raise _wrong(source, bare.rfind(">") + 1, "elements are not closed from here on", "Close each tag with >.")
    markup = Markup(bare)
    if len(markup.elements) > MOST_ELEMENTS:
        raise _wrong(source, 0, f"there are more than {MOST_ELEMENTS:,} elements", "Shorten it.")
    if is_too_deep(markup):
        raise _wrong(source, 0, "elements are too deep inside each other", "Close each element, and take it apart.")
    return markup


def _wrong(source: str, place: int, message: str, remedy: str) -> InvalidTemplate:
    line, column = line_and_column(source, place)
    return InvalidTemplate(f"{EMAIL_HTML}, line {line}: {message}.", field=EMAIL_HTML, remedy=remedy, line=line, column=column)


def _check_elements(source: str, markup: Markup) -> None:
    """Refuse what the compiler would pass over in silence, and what it would refuse without saying where."""
    if not any(element.name == "mjml" for element in markup.elements):
        raise _wrong(source, 0, "there is no <mjml> element", "Start with <mjml><mj-body>, or choose HTML as the format.")
    events: list[tuple[int, Element | str]] = sorted(
        [*((element.start, element) for element in markup.elements), *((place, name) for name, place in markup.ends)],
        key=lambda event: event[0],
    )
    still_open: list[Element] = []
    for place, event in events:
        if isinstance(event, Element):
            _open(source, event, markup, still_open)
        elif event.startswith("mj"):
            if not still_open or still_open[-1].name != event:
                inner = f"; <{still_open[-1].name}> is still open" if still_open else ""
                raise _wrong(source, place, f"</{event}> ends nothing here{inner}", "Close elements in the order they opened.")
            still_open.pop()
    if still_open:
        raise _wrong(source, still_open[-1].start, f"<{still_open[-1].name}> is not closed", f"Write </{still_open[-1].name}>.")


def _open(source: str, element: Element, markup: Markup, still_open: list[Element]) -> None:
    if not element.name.startswith("mj"):
        return
    if element.name not in KNOWN:
        raise _wrong(source, element.start, f"MJML has no element <{element.name}>", _nearest(element.name))
    if element.start not in markup.closed:
        still_open.append(element)


def _nearest(name: str) -> str:
    close = difflib.get_close_matches(name, KNOWN, 1)
    return f"Did you mean <{close[0]}>?" if close else f"There are {', '.join(sorted(KNOWN))}."


def _without_markup(markup: Markup) -> list[tuple[int, int]]:
    """The stretches where a comment would not be one: inside tags, comments, styles and titles."""
    stretches = [(element.start, element.end) for element in markup.elements] + markup.comments
    for element in markup.elements:
        if element.name in WITHOUT_MARKUP:
            ends = [place for name, place in markup.ends if name == element.name and place > element.start]
            stretches.append((element.start, min(ends, default=element.end)))
    return _merged(stretches)


def _merged(stretches: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(stretches):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _disguised(source: str, tags: list[Tag], key: str, as_comment: frozenset[int]) -> str:
    """Tags that steer become comments, which may stand anywhere; the others, and those inside of attributes, become words."""
    pieces, done = [], 0
    for number, tag in enumerate(tags):
        word = f"{key}{number}z"
        pieces += [source[done : tag.start], f"<!--{word}-->" if number in as_comment else word]
        done = tag.end
    return "".join([*pieces, source[done:]])


def _compile(source: str, disguised: str) -> str:
    try:
        return mrml.to_html(disguised, _options, _renders).content
    except OSError as error:  # how the compiler says that it cannot read something
        message = re.sub(r"( in root template)?( at position \d+:\d+)?$", "", str(error))
        raise _wrong(source, 0, f"MJML cannot be read: {message}", "Look for a tag or a quote that is not closed.") from None


def _check_kept(source: str, tags: list[Tag], html: str, key: str, steering: list[int]) -> None:
    found = [int(number) for number in re.findall(rf"{key}(\d+)z", html)]
    missing = sorted(set(range(len(tags))) - set(found))
    wanted = frozenset(steering)
    in_order = [number for number in found if number in wanted] == steering
    for number in missing or ([] if in_order else steering):
        remedy = "Put it inside a text, or between whole elements; <mj-raw> keeps what stands in it."
        raise _wrong(source, tags[number].start, f"MJML has no place for {tags[number].text[:60]} here", remedy)
