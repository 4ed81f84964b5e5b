"""What a template reads: its variables, the paths inside them, and the fields of the recipient."""

from collections.abc import Iterator

from jinja2 import nodes

RECIPIENT = "recipient"
RECIPIENT_FIELDS = ("id", "name", "email", "phone", "locale", "timezone", "country", "attributes")
Path = tuple[str, ...]
Lookup = (nodes.Getattr, nodes.Getitem)


def is_field_of(node: nodes.Node, name: str) -> bool:
    """True for `name.field` and `name["field"]`."""
    return isinstance(node, Lookup) and isinstance(node.node, nodes.Name) and node.node.name == name


def key_of(node: nodes.Getattr | nodes.Getitem) -> object:
    """The key that is looked up, where it stands in the source; None where it is computed."""
    if isinstance(node, nodes.Getattr):
        return node.attr
    return node.arg.value if isinstance(node.arg, nodes.Const) else None


def path_of(node: nodes.Node) -> Path:
    """`order.lines[0].price` as ("order", "lines", "0", "price"); empty where a part of it is computed."""
    keys: list[str] = []
    inner = node
    while isinstance(inner, (nodes.Getattr, nodes.Getitem)):
        key = key_of(inner)
        if key is None:
            return ()
        keys.append(str(key))
        inner = inner.node
    return (inner.name, *reversed(keys)) if isinstance(inner, nodes.Name) else ()


def paths(tree: nodes.Template) -> frozenset[Path]:
    """Every path with at least one key in the tree."""
    return frozenset(path for node in tree.find_all(Lookup) if (path := path_of(node)))


def names(tree: nodes.Template) -> frozenset[str]:
    """Every name that is read anywhere, the template's own among them: no more of the data can matter."""
    return frozenset(node.name for node in tree.find_all(nodes.Name) if node.ctx == "load")


def recipient_paths(tree: nodes.Template) -> frozenset[Path]:
    """What is read of the person: ("name",), ("attributes", "city"), or ("attributes",) for all of them."""
    return frozenset(_recipient_paths(tree))


def _recipient_paths(tree: nodes.Template) -> Iterator[Path]:
    lookups: list[nodes.Getattr | nodes.Getitem] = list(tree.find_all(Lookup))
    looked_into = {id(node.node) for node in lookups if path_of(node)}
    for node in lookups:
        path = path_of(node)
        if path and path[0] == RECIPIENT and not (len(path) == 2 and id(node) in looked_into):
            yield path[1:3]
