"""What a template may say: a list of allowed syntax. Whatever is not on it is refused when the template is saved."""

import difflib
import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from jinja2 import nodes

from tasks.rendering.dates import dated, wrong_format
from tasks.rendering.environment import LOOP_FIELDS
from tasks.rendering.filters import FILTERS, TESTS
from tasks.rendering.limits import MAX_DEPTH, MAX_DIGITS, MAX_LOOPS, MAX_NODES
from tasks.rendering.names import RECIPIENT, RECIPIENT_FIELDS, is_field_of, key_of
from tasks.rendering.problem import Refused

UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # by any database we use: NUL, and halves of surrogate pairs
FIELDS = ", ".join(RECIPIENT_FIELDS)
RESERVED = ("self", "super", "caller", "varargs", "kwargs")
HARMLESS = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.Assign, nodes.With, nodes.CondExpr,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos, nodes.Add, nodes.Sub, nodes.Mul,
    nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Concat, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Keyword,
    nodes.Slice,
)
ALONE = "Every part stands alone: write the text out."
WHY_NOT: dict[type[nodes.Node], tuple[str, str]] = {
    nodes.Import: ("import is not allowed", ALONE),
    nodes.FromImport: ("import is not allowed", ALONE),
    nodes.Include: ("include is not allowed", ALONE),
    nodes.Extends: ("extends is not allowed", ALONE),
    nodes.Block: ("block is not allowed", ALONE),
    nodes.Macro: ("macro is not allowed", "Use a for loop."),
    nodes.CallBlock: ("call is not allowed", "Use a for loop."),
    nodes.FilterBlock: ("filter blocks are not allowed", "Put the filter behind each value: {{ name|upper }}."),
    nodes.AssignBlock: ("set blocks are not allowed", "Write {% set name = value %}, with ~ to put texts together."),
    nodes.NSRef: ("namespace is not allowed", "Use the filters sum, length or join."),
    nodes.Pow: ("** is not allowed", "Send the result with the data."),
    nodes.ScopedEvalContextModifier: ("autoescape is not allowed", "The HTML part escapes values, the others do not."),
}
ESCAPED = "Values are escaped already in the HTML part, and must not be in the others."
INSTEAD_OF = {
    "safe": "Data could carry scripts: write the markup in the template itself.",
    "escape": ESCAPED,
    "e": ESCAPED,
    "format": "Put texts together with ~, and write numbers with round or money.",
    "map": 'Use join(", ", attribute="name") or a for loop.',
}


def check(tree: nodes.Template) -> None:
    """Walk the syntax tree. Raises Refused at the first thing that is not allowed, in reading order."""
    count = 0
    stack: list[tuple[nodes.Node, int, int]] = [(tree, 0, 0)]
    while stack:  # not recursive: how deep it goes is what is being found out
        node, depth, loops = stack.pop()
        count += 1
        loops += isinstance(node, nodes.For)
        if count > MAX_NODES:
            _refuse(node, f"it is too big: more than {MAX_NODES} elements", "Shorten it, or move text into the data.")
        if depth > MAX_DEPTH:
            _refuse(node, f"it is nested more than {MAX_DEPTH} levels deep", "Take it apart with set.")
        if loops > MAX_LOOPS:
            _refuse(node, f"more than {MAX_LOOPS} loops inside each other", "Prepare the data before sending.", "for")
        _check_node(node, in_loop=loops > 0)
        stack.extend((child, depth + 1, loops) for child in reversed(list(_below(node))))


def _refuse(node: nodes.Node, message: str, remedy: str, word: str = "") -> NoReturn:
    raise Refused(node.lineno or 1, message, remedy, word)


def _below(node: nodes.Node) -> Iterable[nodes.Node]:
    """The nodes below, without the names that may only stand where their parent's own check has let them."""
    if isinstance(node, nodes.Call):
        return node.args
    if is_field_of(node, RECIPIENT) or is_field_of(node, "loop"):
        return [node.arg] if isinstance(node, nodes.Getitem) else []
    return node.iter_child_nodes()


def _check_node(node: nodes.Node, *, in_loop: bool) -> None:
    if isinstance(node, HARMLESS):
        return
    special = CHECKS.get(type(node))
    if special:
        special(node, in_loop)
        return
    unknown = (f"{type(node).__name__.lower()} is not allowed", "Use variables, filters, if, for and set.")
    message, remedy = WHY_NOT.get(type(node), unknown)
    _refuse(node, message, remedy, message.split()[0])


def _name(node: nodes.Name, in_loop: bool) -> None:
    name = node.name
    if name.startswith("__") or name in RESERVED:
        _refuse(node, f"the name {name!r} is not allowed", "Choose another name.", name)
    if node.ctx != "load" and name in (RECIPIENT, "range", "loop"):
        _refuse(node, f"{name!r} cannot be set", "Choose another name.", name)
    if name == RECIPIENT:
        _refuse(node, "recipient can only be read field by field", f"Write recipient.name; there are {FIELDS}.", name)
    if name == "loop":
        _refuse(node, "loop can only be read field by field", "Write loop.index, loop.first or loop.last.", name)


def _lookup(node: nodes.Getattr | nodes.Getitem, in_loop: bool) -> None:
    key = key_of(node)
    word = str(key)
    if word.startswith("__"):
        _refuse(node, f"the name {word!r} is not allowed", "Only fields of the data can be read.", word)
    if is_field_of(node, RECIPIENT) and key not in RECIPIENT_FIELDS:
        remedy = f"There are {FIELDS}; whatever else is known of a person is in recipient.attributes."
        if key is None:
            _refuse(node, "a recipient's field cannot be computed", remedy, RECIPIENT)
        _refuse(node, f"a recipient has no field {word!r}", remedy, word)
    if is_field_of(node, "loop"):
        if not in_loop:
            _refuse(node, "loop exists only inside a for loop", "Write it between for and endfor.", "loop")
        if isinstance(node, nodes.Getitem) or key not in LOOP_FIELDS:
            _refuse(node, f"loop has no field {word!r}", f"There are {', '.join(sorted(LOOP_FIELDS))}.", word)


def _constant(node: nodes.Const, in_loop: bool) -> None:
    if isinstance(node.value, (int, float)) and not abs(node.value) < 10**MAX_DIGITS:
        _refuse(node, f"a number has more than {MAX_DIGITS} digits", "Write it as text, in quotes.")
    if isinstance(node.value, str) and UNSTORABLE.search(node.value):
        _refuse(node, "a text has a character that cannot be stored", "Remove \\0 and \\ud800 to \\udfff.", "\\")


def _for(node: nodes.For, in_loop: bool) -> None:
    if node.recursive:
        _refuse(node, "recursive loops are not allowed", "Write one loop inside the other.", "recursive")


def is_range(node: nodes.Call) -> bool:
    """True for `range(...)`."""
    return isinstance(node.node, nodes.Name) and node.node.name == "range"


def _call(node: nodes.Call, in_loop: bool) -> None:
    called = node.node
    is_cycle = isinstance(called, nodes.Getattr) and is_field_of(called, "loop") and called.attr == "cycle"
    if is_range(node) or (is_cycle and in_loop):
        if node.kwargs or node.dyn_args or node.dyn_kwargs or not 1 <= len(node.args) <= (50 if is_cycle else 3):
            _refuse(node, "a call takes a few plain values", "Write range(5), or loop.cycle('odd', 'even').", "(")
        return
    word = called.attr if isinstance(called, nodes.Getattr) else called.name if isinstance(called, nodes.Name) else ""
    remedy = "Use a filter; only range() and loop.cycle() can be called."
    if word in FILTERS:
        remedy = f"Write it as a filter: value|{word}."
    _refuse(node, f"{word or 'this'}() cannot be called", remedy, word or "(")


def _filter(node: nodes.Filter, in_loop: bool) -> None:
    function = FILTERS.get(node.name)
    if function is None:
        _refuse(node, f"there is no filter {node.name!r}", INSTEAD_OF.get(node.name) or _nearest(node.name, FILTERS), node.name)
    if node.dyn_args or node.dyn_kwargs:
        _refuse(node, "* and ** are not allowed in a filter's arguments", "Write the arguments out.", node.name)
    try:
        named: dict[str, Any] = {str(given.key): given.value for given in node.kwargs}
        inspect.signature(function).bind(None, None, *node.args, **named)
    except TypeError as error:
        message = f"the filter {node.name!r} does not take these arguments ({error})"
        _refuse(node, message, f"Write {inspect.getdoc(function)}", node.name)
    if function is dated and node.args and isinstance(node.args[0], nodes.Const):
        complaint = wrong_format(str(node.args[0].value))
        if complaint:
            _refuse(node, complaint, 'Write a format like "%d %b %Y".', node.name)


def _test(node: nodes.Test, in_loop: bool) -> None:
    if node.name not in TESTS:
        _refuse(node, f"there is no test {node.name!r}", _nearest(node.name, TESTS), node.name)
    if node.dyn_args or node.dyn_kwargs or node.kwargs or len(node.args) != (node.name == "divisibleby"):
        _refuse(node, f"the test {node.name!r} does not take these arguments", "Only divisibleby takes one.", node.name)


def _nearest(word: str, known: dict[str, Any]) -> str:
    close = difflib.get_close_matches(word, known, 1)
    return f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(sorted(known))}."


CHECKS: dict[type[nodes.Node], Callable[[Any, bool], None]] = {
    nodes.Name: _name, nodes.Getattr: _lookup, nodes.Getitem: _lookup, nodes.Const: _constant, nodes.For: _for,
    nodes.Call: _call, nodes.Filter: _filter, nodes.Test: _test,
}
