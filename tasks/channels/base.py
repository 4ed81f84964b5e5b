"""What a provider is: a class with a channel and a `send_one`. The base does batches, threads, sorting of errors."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import ClassVar, TypeVar

from tasks.channels.message import Message, Target, mask
from tasks.channels.outcome import ChannelError, Outcome, Receipt, Status, TargetResult, failure, measured
from tasks.config import Settings

__all__ = [
    "Channel", "ChannelError", "Message", "Outcome", "Receipt", "Status", "Target", "TargetResult", "mask", "measured",
]

Item = TypeVar("Item")
Result = TypeVar("Result")

Pair = tuple[Message, Target]
NOWHERE = Target("")  # stands for the target of a message that has none
ending = threading.Event()  # set when this process is asked to end: what has not begun then is not begun any more
UNTRIED = "untried"  # the code of what was given back unsent for that
NO_TARGET = failure(NOWHERE, ChannelError("The message has no target.", status="permanent", code="no_target"))
WORDS = 500  # characters of a provider's answer that are worth keeping


class Channel:
    """A provider. Subclasses set the class attributes and write `send_one`; `prepare` where a batch shares a step.

    A provider knows nothing of tables, other providers or retries. It must bound every network call in time
    (`connect_timeout`, `read_timeout`): the lease of the rows it holds depends on it. Threads may share it.
    """

    name: ClassVar[str]  # also the module's name
    channel: ClassVar[str]
    requires: ClassVar[tuple[str, ...]] = ()  # fields of Settings that switch it on, all of them
    idempotent: ClassVar[bool] = False  # True: a repeat of the same reference does no harm, so doubt may be sent again
    has_breaker: ClassVar[bool] = True  # False: it cannot be down
    concurrency: int = 4  # targets in the air at once, per process
    batch: int = 16  # messages per hand-over: what one kill can leave in doubt
    pace: float = 0.0  # messages a second of late, as the delivery measured it; 0: nobody knows
    connect_timeout: float = 5.0  # seconds
    read_timeout: float = 10.0  # seconds, for each answer

    def __init__(self, config: Settings) -> None:
        self.config = config
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    @classmethod
    def configured(cls, config: Settings) -> bool:
        """True where every required setting is given."""
        return all(getattr(config, name) for name in cls.requires)

    def send(self, messages: Sequence[Message]) -> list[Outcome]:
        """Hand over the messages, at most `batch` of them. One outcome a message, same order; never raises."""
        pairs = [(message, target) for message in messages for target in message.targets or (NOWHERE,)]
        try:
            self.prepare()
        except Exception as error:  # nothing was handed over: even a bug's victims can go later
            known = error if isinstance(error, ChannelError) else ChannelError(str(error), code=type(error).__name__)
            results = iter([self._clean(failure(target, known)) for _, target in pairs])
        else:
            results = iter([self._clean(result) for result in self.carry(pairs)])
        return [Outcome(message.delivery_id, tuple(islice(results, len(message.targets) or 1))) for message in messages]

    def prepare(self) -> None:
        """What a batch needs once, before its first message. A ChannelError raised here is every message's outcome."""

    def carry(self, pairs: Sequence[Pair]) -> list[TargetResult]:
        """Hand each message to its target, `concurrency` of them at once. One result a pair, same order; never raises."""
        return self.each(pairs, self.tried)

    def send_one(self, message: Message, target: Target) -> Receipt:
        """Hand one message to one target. Raises ChannelError."""
        raise NotImplementedError

    def secrets(self) -> Sequence[str]:
        """Words that must never stand in an outcome, even where the provider repeats them."""
        return ()

    def close(self) -> None:
        """Release connections and threads. The provider can be used again afterwards."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool:
            pool.shutdown()

    def each(self, items: Sequence[Item], work: Callable[[Item], Result]) -> list[Result]:
        """Run `work` over the items on this provider's threads, `concurrency` at once; a single one in the caller's."""
        if len(items) <= 1 or self.concurrency == 1:
            return [work(item) for item in items]
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.concurrency, thread_name_prefix=f"carillon-{self.name}")
            running = [self._pool.submit(work, item) for item in items]
        return [future.result() for future in running]

    def tried(self, pair: Pair) -> TargetResult:
        """What became of `send_one`, with the time it took."""
        message, target = pair
        if ending.is_set():
            return failure(target, ChannelError("This process is ending: another one sends it.", code=UNTRIED))
        return NO_TARGET if target is NOWHERE else measured(target, partial(self.send_one, message, target))

    def _clean(self, result: TargetResult) -> TargetResult:
        words = result.response
        for secret in filter(None, self.secrets()):
            words = words.replace(secret, "[secret]")
        words = words.encode("utf-8", "replace").decode().replace("\0", "")  # no database keeps a NUL or half a character
        return result if words == result.response and len(words) <= WORDS else replace(result, response=words[:WORDS])
