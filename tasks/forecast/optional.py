"""Which variables of a template may be left out, and which are no single values: read from its syntax trees."""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from jinja2 import nodes

from tasks.rendering.names import Lookup
from tasks.rendering.source import parse

NOTHING: frozenset[str] = frozenset()
DEFAULTS = ("default", "d")
ASKS = ("defined", "undefined")


@lru_cache(maxsize=256)
def shape(sources: tuple[tuple[str, str], ...]) -> tuple[frozenset[str], frozenset[str]]:
    """Of the parts (name, source): the names that are read without a default, and those that are read as lists or objects.

    Raises InvalidTemplate.
    """
    trees = [parse(name, source) for name, source in sources if source]
    needed = frozenset(name for tree in trees for name in _needed(tree, NOTHING))
    return needed, frozenset(_nested(trees))


def _needed(node: nodes.Node, asked: frozenset[str]) -> Iterator[str]:
    """The names read outside of `name | default(...)`, `name is defined`, and what stands behind an `if name is defined`."""
    if isinstance(node, nodes.Name):
        if node.ctx == "load" and node.name not in asked:
            yield node.name
        return
    spared = getattr(node, "node", None) if _spares(node) else None
    inside = asked | _asked(node.test) if isinstance(node, (nodes.If, nodes.CondExpr)) else asked
    for child in node.iter_child_nodes():
        if child is not spared:
            is_guarded = isinstance(node, (nodes.If, nodes.CondExpr)) and child is not node.test
            yield from _needed(child, inside if is_guarded else asked)


def _spares(node: nodes.Node) -> bool:
    """True where a node takes a missing name in its stride."""
    named = (isinstance(node, nodes.Filter) and node.name in DEFAULTS) or (isinstance(node, nodes.Test) and node.name in ASKS)
    return named and isinstance(getattr(node, "node", None), nodes.Name)


def _asked(test: nodes.Node) -> frozenset[str]:
    """The names that a condition asks whether they are there."""
    tests: list[nodes.Node] = [test, *test.find_all(nodes.Test)]
    found = [getattr(one, "node", None) for one in tests if isinstance(one, nodes.Test) and one.name in ASKS]
    return frozenset(name.name for name in found if isinstance(name, nodes.Name))


def _nested(trees: Iterable[nodes.Template]) -> Iterator[str]:
    for tree in trees:
        lookups: list[nodes.Getattr | nodes.Getitem] = list(tree.find_all(Lookup))
        for lookup in lookups:
            if isinstance(lookup.node, nodes.Name):
                yield lookup.node.name
        for loop in tree.find_all(nodes.For):
            if isinstance(loop.iter, nodes.Name):
                yield loop.iter.name
