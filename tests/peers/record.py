"""What a peer accepted, appended to a file before it answers: the provider's own truth, which outlives a kill of the sender."""

import os
from pathlib import Path


class Record:
    """An append-only file, one line for everything that was accepted. The first word of a line is the delivery's id."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def append(self, *words: str) -> None:
        """Add one line; it is with the operating system when this returns. One write, so that threads cannot mix lines."""
        line = " ".join(word.replace("\n", "\\n") for word in words) + "\n"
        os.write(self._handle, line.encode("utf-8", "replace"))

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)


def lines(path: Path) -> list[str]:
    """Every line of a record, in order; none where nothing was accepted yet."""
    return path.read_text().splitlines() if path.exists() else []


def ids(path: Path) -> list[str]:
    """The delivery ids of a record, in order, repeats included."""
    return [line.split(" ", 1)[0] for line in lines(path)]
