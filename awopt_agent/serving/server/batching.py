"""Joins requests that wait while the policy computes into one batch."""

import asyncio
import collections
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

__all__ = ['Batcher', 'Full']

Arrays = Mapping[str, np.ndarray]

# For so long at most a batch waits for one more request, seconds: the way of an
# answer and of the next request.
_COMPANY_S = 0.01


class Full(Exception):  # noqa: N818  The caller refuses a request.
  """So many wait already that one more would wait for too long."""


class _Request(NamedTuple):
  """What waits for the policy.

  Attributes:
    predictor: Runs it; `Predictor` or its like.
    signature: Name of the signature.
    arrays: Inputs by name, of its types and shapes.
    rows: In each of them; None where the signature takes no batch.
    answer: Receives the outputs.
  """

  predictor: Any
  signature: str
  arrays: Arrays
  rows: int | None
  answer: asyncio.Future

  def joins(self, other: '_Request') -> bool:
    return (
      None not in (self.rows, other.rows)
      and self.predictor is other.predictor
      and self.signature == other.signature
    )


class Batcher:
  """One thread that computes, and whatever came meanwhile as its next batch.

  Who comes alone is computed alone and at once. Only where several were
  computed together, the next batch waits for them to come back.
  """

  def __init__(
    self,
    *,
    most_rows: int,
    most_waiting: int,
    stuck_after_s: float = 10.0,
    observe: Callable[[int, int], None] = lambda requests, rows: None,
  ):
    """Starts the thread.

    Args:
      most_rows: Of a batch that is joined; one request may have more, and is
        computed alone.
      most_waiting: Requests that wait, beside those being computed.
      stuck_after_s: A batch that takes longer will not end, seconds.
      observe: Receives the number of requests and of rows of each batch, in
        the thread.
    """
    self._most_rows = most_rows
    self._most_waiting = most_waiting
    self._observe = observe
    self._waiting: collections.deque[_Request] = collections.deque()
    self._changed = threading.Condition()
    self._closed = False
    # Requests that were here when the latest batch was done, and how long the
    # latest two took: one may have been held up.
    self._expected = 1
    self._took_s: collections.deque[float] = collections.deque([0.0], maxlen=2)
    self._stuck_after_s = stuck_after_s
    self._began_s: float | None = None
    self._thread = threading.Thread(
      target=self._work, name='batcher', daemon=True
    )
    self._thread.start()

  @property
  def waiting(self) -> int:
    """Requests that wait."""
    return len(self._waiting)

  @property
  def is_alive(self) -> bool:
    """Whether requests will be computed."""
    began_s = self._began_s
    took_s = 0.0 if began_s is None else time.perf_counter() - began_s
    return self._thread.is_alive() and took_s < self._stuck_after_s

  async def run(
    self, predictor: Any, signature: str, arrays: Arrays, rows: int | None
  ) -> dict[str, np.ndarray]:
    """Runs a signature on inputs, in a batch with those of others.

    Where the caller is cancelled before its turn comes, nothing is computed.

    Args:
      predictor: `Predictor`, or its like.
      signature: Name of the signature.
      arrays: Inputs `[rows, ...]` by name, of its types and shapes. Their
        values are checked with those of the batch.
      rows: None where the signature takes no batch.

    Returns:
      The outputs by name, `[rows, ...]`.

    Raises:
      Full: If too many wait.
      Exception: Whatever `Predictor.run` raises for this request.
    """
    answer = asyncio.get_running_loop().create_future()
    request = _Request(predictor, signature, arrays, rows, answer)
    with self._changed:
      if self._closed or len(self._waiting) >= self._most_waiting:
        raise Full
      self._waiting.append(request)
      if len(self._waiting) == 1 or self._are_all_here():
        self._changed.notify()
    return await answer

  def close(self) -> None:
    """Computes what waits, and ends the thread; one that is stuck is left."""
    with self._changed:
      self._closed = True
      self._changed.notify()
    self._thread.join(self._stuck_after_s)

  def _work(self) -> None:
    while batch := self._take():
      self._observe(len(batch), _rows(batch))
      self._began_s = start_s = time.perf_counter()
      answers = _compute(batch)
      self._took_s.append(time.perf_counter() - start_s)
      self._began_s = None
      self._expected = len(batch) + len(self._waiting)
      try:
        _deliver(batch, answers)
      except RuntimeError:  # The loop of those who asked is closed.
        logging.getLogger(__name__).warning('nobody waits for an answer')

  def _take(self) -> list[_Request]:
    """Returns the oldest request and those that join it; [] at the end."""
    with self._changed:
      while True:
        while not self._waiting and not self._closed:
          self._changed.wait()
        self._await_company()
        # Who asked has gone, or waited for too long.
        kept = [one for one in self._waiting if not one.answer.cancelled()]
        batch = self._join(kept)
        joined = set(map(id, batch))
        self._waiting = collections.deque(
          one for one in kept if id(one) not in joined
        )
        if batch or self._closed:
          return batch

  def _await_company(self) -> None:
    """Waits for those who were here together just now, while they come.

    They come back one after the other: without it, the first of them would be
    computed alone, and the others would wait for that.
    """
    # What is saved is a batch.
    limit_s = min(_COMPANY_S, *self._took_s)
    while not self._closed and not self._are_all_here():
      before = len(self._waiting)
      self._changed.wait(limit_s)
      if len(self._waiting) == before:
        return

  def _are_all_here(self) -> bool:
    return (
      len(self._waiting) >= self._expected
      or _rows(self._waiting) >= self._most_rows
    )

  def _join(self, kept: Sequence[_Request]) -> list[_Request]:
    batch = [*kept[:1]]
    rows = _rows(batch)
    for one in kept[1:]:
      if one.joins(batch[0]) and rows + (one.rows or 1) <= self._most_rows:
        batch.append(one)
        rows += one.rows or 1
    return batch


def _rows(requests: Iterable[_Request]) -> int:
  return sum(request.rows or 1 for request in requests)


def _compute(batch: Sequence[_Request]) -> list[Any]:
  """Returns each request's outputs, or what was raised for it."""
  try:
    return _compute_together(batch)
  except Exception as error:
    if len(batch) == 1:
      return [error]
  # One spoils all: the others shall not pay for it. What shows its damage only
  # when it is computed, such as a picture, is not found before.
  problems = [_problem(request) for request in batch]
  sound = [
    request
    for request, problem in zip(batch, problems, strict=True)
    if problem is None
  ]
  groups = [sound] if len(sound) < len(batch) else [[one] for one in batch]
  answers = itertools.chain.from_iterable(map(_compute, filter(None, groups)))
  return [problem or next(answers) for problem in problems]


def _problem(request: _Request) -> Exception | None:
  try:
    request.predictor.check(request.signature, request.arrays)
  except Exception as error:
    return error
  return None


def _compute_together(batch: Sequence[_Request]) -> list[dict[str, np.ndarray]]:
  first = batch[0]
  if len(batch) == 1:
    return [first.predictor.run(first.signature, first.arrays)]
  joined = {
    name: np.concatenate([request.arrays[name] for request in batch])
    for name in first.arrays
  }
  outputs = first.predictor.run(first.signature, joined)
  ends = np.cumsum([request.rows for request in batch])
  return [
    {name: value[end - request.rows : end] for name, value in outputs.items()}
    for request, end in zip(batch, ends, strict=True)
  ]


def _deliver(batch: Sequence[_Request], answers: Sequence[Any]) -> None:
  """Wakes those who asked; those of one loop together."""
  by_loop: dict[Any, list] = {}
  for request, answer in zip(batch, answers, strict=True):
    loop = request.answer.get_loop()
    by_loop.setdefault(loop, []).append((request.answer, answer))
  for loop, pairs in by_loop.items():
    loop.call_soon_threadsafe(_settle, pairs)


def _settle(pairs: Sequence[tuple[asyncio.Future, Any]]) -> None:
  for future, answer in pairs:
    if future.done():  # Cancelled meanwhile.
      continue
    if isinstance(answer, Exception):
      future.set_exception(answer)
    else:
      future.set_result(answer)
