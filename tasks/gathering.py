"""Asking together: what several threads want at one moment is done in one piece. After a restart, thousands come at once."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from flask import current_app

T = TypeVar("T")
R = TypeVar("R")

MOST = 500  # done in one piece; who comes after them waits for the next


def gathered(work: Callable[[Sequence[T]], Sequence[R]], value: T) -> R:
    """The answer of `work` to `value`, asked together with what other threads ask of it just now. Needs an app context.

    Raises what `work` raises, which then goes to all who asked with us. `work` may run in another one's thread: it must rest on
    nothing but its argument and the app.
    """
    known: dict[Any, Gathering[T, R]] = current_app.extensions.setdefault("carillon.gatherings", {})
    here = known.get(work) or known.setdefault(work, Gathering(work))
    return here.ask(value)


class _Member(Generic[T, R]):
    """One who asks."""

    __slots__ = ("answer", "error", "is_done", "value")

    def __init__(self, value: T) -> None:
        self.value = value
        self.is_done = False
        self.answer: R
        self.error: Exception | None = None


class Gathering(Generic[T, R]):
    """Gives `work` the questions of all who wait, and each of them its answer: they come in the same order.

    Whoever has the turn works for the others. No answer is older than its question: who comes while the work is being done is
    served by the next round.
    """

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R]]) -> None:
        self._work = work
        self._guard, self._turn = threading.Lock(), threading.Lock()
        self._waiting: list[_Member[T, R]] = []

    def ask(self, value: T) -> R:
        """The answer to `value`."""
        mine: _Member[T, R] = _Member(value)
        with self._guard:
            self._waiting.append(mine)
        while not mine.is_done:
            with self._turn:
                if not mine.is_done:
                    self._serve()
        if mine.error is not None:
            raise mine.error
        return mine.answer

    def _serve(self) -> None:
        with self._guard:
            members, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        try:
            answers = self._work([member.value for member in members])
            for member, answer in zip(members, answers, strict=True):
                member.answer = answer
        except Exception as error:  # each of those who wait is told
            for member in members:
                member.error = error
        finally:
            for member in members:
                member.is_done = True
