"""A stage: an ordinary synchronous object that turns a sequence of items into a sequence of items."""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")


class Stage(Protocol[In_contra, Out_co]):
    """Owns no thread, no queue and no clock. One worker calls it, never two at once.

    Items it does not know it hands on unchanged and in order: markers such as `SourceStatus` travel
    through every stage.
    """

    def process(self, items: Sequence[In_contra]) -> Sequence[Out_co]:
        """What `items`, one or many, become; may be fewer or more."""

    def flush(self) -> Sequence[Out_co]:
        """What is still held back, when no item will come any more."""

    def close(self) -> None:
        """Free what the stage holds. Called once, last."""


class Chain(Generic[A, B, C]):
    """Two stages as one, called in order by an ordinary loop."""

    def __init__(self, first: Stage[A, B], second: Stage[B, C]) -> None:
        self._first = first
        self._second = second
        self._now: object = first

    @property
    def current(self) -> str:
        """The name of the innermost stage that is being called, or was last; any thread."""
        now = self._now
        return now.current if isinstance(now, Chain) else type(now).__name__.lower()

    def process(self, items: Sequence[A]) -> Sequence[C]:
        self._now = self._first
        between = self._first.process(items)
        self._now = self._second
        return self._second.process(between)

    def flush(self) -> Sequence[C]:
        self._now = self._first
        between = self._first.flush()
        self._now = self._second
        return [*self._second.process(between), *self._second.flush()]

    def close(self) -> None:
        self._first.close()
        self._second.close()
