"""Puts the meters in: whatever in a checked syntax tree can cost more than its own length becomes a filter that pays."""

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from tasks.rendering.checker import is_range
from tasks.rendering.filters import BUILT, COMPARED, CONCAT, CUT, CYCLE, EACH, RANGE


def rewrite(tree: nodes.Template) -> nodes.Template:
    """The same tree, changed in place."""
    _Meters().visit(tree)
    tree.set_environment(tree.environment)  # type: ignore[arg-type]
    return tree


class _Meters(NodeTransformer):
    def visit_For(self, node: nodes.For) -> nodes.Node:
        cost = 1 + sum(1 for _ in node.find_all(nodes.Node))
        self.generic_visit(node)
        node.iter = _paid(EACH, node.iter, nodes.Const(cost, lineno=node.lineno))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _paid(CONCAT, nodes.List(node.nodes, lineno=node.lineno))

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        self.generic_visit(node)
        arguments = nodes.List(node.args, lineno=node.lineno)
        if is_range(node):
            return _paid(RANGE, arguments)
        turn = nodes.Getattr(nodes.Name("loop", "load", lineno=node.lineno), "index0", "load", lineno=node.lineno)
        return _paid(CYCLE, turn, arguments)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        self.generic_visit(node)
        if not isinstance(node.arg, nodes.Slice):
            return node
        places = (node.arg.start, node.arg.stop, node.arg.step)
        return _paid(CUT, node.node, *(place or nodes.Const(None, lineno=node.lineno) for place in places))

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        self.generic_visit(node)
        sides = [node.expr, *(operand.expr for operand in node.ops)]
        # One comparison with a constant costs no more than the constant is long. A search, or two values, may cost anything.
        cheap = len(sides) == 2 and node.ops[0].op not in ("in", "notin")
        if not (cheap and any(isinstance(side, nodes.Const) for side in sides)):
            node.expr = _paid(COMPARED, node.expr)
            for operand in node.ops:
                operand.expr = _paid(COMPARED, operand.expr)
        return node

    def visit_CondExpr(self, node: nodes.CondExpr) -> nodes.Node:
        self.generic_visit(node)
        node.expr2 = node.expr2 or nodes.Const(None, lineno=node.lineno)  # `"!" if big` prints nothing where it is not big
        return node

    def visit_List(self, node: nodes.List) -> nodes.Node:
        self.generic_visit(node)
        return _paid(BUILT, node)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:
        self.generic_visit(node)
        return _paid(BUILT, node)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        self.generic_visit(node)
        return _paid(BUILT, node) if node.ctx == "load" else node


def _paid(name: str, node: nodes.Node, *arguments: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(arguments), [], None, None, lineno=node.lineno)
