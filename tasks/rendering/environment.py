"""The Jinja environments: no Python attribute is ever read, every operator is watched, only single values are printed."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined, pass_context
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from tasks.rendering.budget import RunContext
from tasks.rendering.filters import METERED, TESTS
from tasks.rendering.limits import MAX_TOKENS
from tasks.rendering.numbers import calculate
from tasks.rendering.problem import MissingName, Unusable
from tasks.rendering.text import texted

LOOP_FIELDS = frozenset({"index", "index0", "revindex", "revindex0", "first", "last", "length", "previtem", "nextitem"})


class NotGiven(StrictUndefined):
    """A name that is not there. Whatever the template does with it, save asking if it is defined, raises MissingName."""

    __slots__ = ()

    def __init__(self, hint: str | None = None, obj: Any = missing, name: Any = None, exc: Any = None) -> None:
        # Without a name it is one of Jinja's own: the item before the first.
        raised = Unusable if name is None else partial(MissingName, name, obj is missing)
        super().__init__(hint, obj, name, raised)  # type: ignore[arg-type]


class TokenLimit(Extension):
    """Stops a source that would keep the parser busy for long."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        for number, token in enumerate(stream):
            if number >= MAX_TOKENS:
                raise TemplateSyntaxError(f"it has more than {MAX_TOKENS} words and signs", token.lineno)
            yield token


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's immutable sandbox with its doors walled up: names lead to keys of mappings and places of lists, no further."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})
    intercepted_unops = frozenset({"+", "-"})
    context_class = RunContext

    def __init__(self, *, autoescape: bool) -> None:
        # Not optimized: the optimizer would run constant expressions while compiling, outside of any budget.
        super().__init__(
            undefined=NotGiven, autoescape=autoescape, finalize=shown, optimized=False, cache_size=0, auto_reload=False,
            extensions=[TokenLimit],
        )
        self.globals.clear()
        self.filters = dict(METERED)
        self.tests = dict(TESTS)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`obj.attribute`: the key of a mapping, or one of the loop's own fields."""
        if type(obj) is dict:
            if attribute in obj:
                return obj[attribute]
        elif isinstance(obj, Undefined):
            obj._fail_with_undefined_error()
        elif type(obj) is LoopContext and attribute in LOOP_FIELDS:
            return getattr(obj, attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`obj[argument]`: the key of a mapping, or a place in a list or text."""
        for side in (obj, argument):
            if isinstance(side, Undefined):
                side._fail_with_undefined_error()
        if type(obj) is dict:
            if isinstance(argument, str) and argument in obj:
                return obj[argument]
        elif isinstance(obj, (list, tuple, str)) and type(argument) is int and -len(obj) <= argument < len(obj):
            return obj[argument]
        return self.undefined(obj=obj, name=argument)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Nothing is callable: the calls that templates may write have become filters before."""
        raise Unusable("nothing can be called in a template")

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """An arithmetic operator."""
        for side in (left, right):
            if isinstance(side, Undefined):
                side._fail_with_undefined_error()
        return calculate(context.budget, operator, left, right)  # type: ignore[attr-defined]

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        """A sign."""
        return self.call_binop(context, operator, 0, arg)


@pass_context
def shown(context: RunContext, value: Any) -> Any:
    """What `{{ value }}` prints. It takes the context, so that Jinja cannot run it while it compiles."""
    return value if type(value) is str else texted(value)


TEXT = Sandbox(autoescape=False)
HTML = Sandbox(autoescape=True)
