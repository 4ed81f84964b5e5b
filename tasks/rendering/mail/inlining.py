"""The rules of a style block, put into the elements they are for: many mail programs read nothing else.

Only `style` attributes are added: every other character stays as it was written, Jinja's tags among them. The block stays too,
for the programs that read it (its @media rules cannot go anywhere else).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

import css_inline

from tasks.rendering.mail.tags import Element, Markup, Places, Tag, is_tame, is_too_deep, jinja_tags, without_tags

MARK = "data-carillon-element"
MOST_PAIRS = 2_000_000  # rules times elements: more would keep an operator waiting for seconds
STYLE, STYLE_ENDS = re.compile(r"<style\b", re.IGNORECASE), re.compile(r"</style", re.IGNORECASE)
SELECTORS = re.compile(r"[{,]")
ATTRIBUTE = re.compile(r"""\s+([^\s=>/"']+)(\s*=\s*("[^"]*"|'[^']*'|[^\s>"']+))?""")
# Styles are only read off the result: what else the inliner makes of the page is thrown away.
_inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=True, keep_link_tags=True)


@dataclass(frozen=True, slots=True)
class Inlined:
    """The HTML, and what could not be done, in words."""

    html: str
    notes: tuple[str, ...] = ()


def inlined(source: str) -> Inlined:
    """The HTML with its style block's rules in its elements. What has no style block comes back as it is."""
    blocks = list(_blocks(source))
    if not blocks:
        return Inlined(source)
    tags, inside = jinja_tags(source), Places(blocks)
    if any(inside.hold(tag.start) for tag in tags):
        return Inlined(source, ("The style block holds variables, so its rules stay in the block.",))
    bare = without_tags(source, tags)
    if not is_tame(bare) or is_too_deep(markup := Markup(bare)):
        return Inlined(source, ("Elements are not closed, or too deep inside each other, so the rules stay in the block.",))
    elements = markup.elements
    rules = sum(len(SELECTORS.findall(source, *block)) for block in blocks)
    if len(elements) * max(rules, len(tags)) > MOST_PAIRS:
        return Inlined(source, ("There are too many rules and elements, so the rules stay in the block.",))
    steady = [element for element in elements if not _depends(element, tags, bare)]
    html = _spliced(source, bare, steady, _styles(bare, steady))
    skipped = len(elements) - len(steady)
    left = f"{skipped} element{'' if skipped == 1 else 's'} with a computed class or attribute: the block alone styles them."
    return Inlined(html, (left,) if skipped else ())


def _blocks(source: str) -> Iterator[tuple[int, int]]:
    """Where the style blocks begin and end, without their tags."""
    place = 0
    while found := STYLE.search(source, place):
        start = source.find(">", found.end()) + 1
        ends = STYLE_ENDS.search(source, start) if start else None
        if ends is None:
            return
        yield start, ends.start()
        place = ends.end()


def _depends(element: Element, tags: list[Tag], bare: str) -> bool:
    """True where which rules are for an element is known only when a message is written."""
    own = [tag for tag in tags if element.start <= tag.start < element.end]
    if not own:
        return False
    quiet = Places((start, end) for name, start, end in _attributes(element) if name not in ("class", "id"))
    return not all(quiet.hold(tag.start) for tag in own)


def _attributes(element: Element) -> Iterator[tuple[str, int, int]]:
    """The attributes that have a value: name, and from where to where the value stands, quotes and all."""
    place = 1 + len(element.name)
    while found := ATTRIBUTE.match(element.text, place):
        place = found.end()
        if found.group(2):
            yield found.group(1).lower(), element.start + found.start(3), element.start + found.end(3)


def _styles(bare: str, elements: list[Element]) -> dict[int, str]:
    """What the rules say of each of these elements, without its own style."""
    pieces, done = [], 0
    for number, element in enumerate(elements):
        name_ends = element.start + 1 + len(element.name)
        pieces += [bare[done:name_ends], f' {MARK}="{number}"']
        done = name_ends
        for name, start, end in _attributes(element):
            if name == "style":
                pieces += [bare[done:start], '""']
                done = end
    page = _inliner.inline("".join([*pieces, bare[done:]]))
    found = (dict(element.attributes) for element in Markup(page).elements)
    return {int(one[MARK] or 0): style for one in found if one.get(MARK) and (style := one.get("style"))}


def _spliced(source: str, bare: str, elements: list[Element], styles: dict[int, str]) -> str:
    """The source with these styles; an element's own stays behind them, and so wins."""
    pieces, done = [], 0
    for number, element in enumerate(elements):
        if number not in styles:
            continue
        style = escape(styles[number].strip().rstrip(";"))
        own = next(((start, end) for name, start, end in _attributes(element) if name == "style"), None)
        if own is None:
            place = element.start + 1 + len(element.name)
            pieces += [source[done:place], f' style="{style}"']
            done = place
        else:
            quote = bare[own[0]] if bare[own[0]] in "\"'" else ""
            inner = source[own[0] + len(quote) : own[1] - len(quote)]
            pieces += [source[done : own[0]], f"{quote or chr(34)}{style}; {inner}{quote or chr(34)}"]
            done = own[1]
    return "".join([*pieces, source[done:]])
