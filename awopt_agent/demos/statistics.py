"""Says what is in a set of episodes."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from awopt_agent import statistics, structs
from awopt_agent.demos import fields as fields_lib
from awopt_agent.demos import reader, schema

__all__ = ['BINS', 'FieldSummary', 'Summary', 'meaningful', 'summarize']

BINS = 16
_FLAGS = (schema.IS_FIRST, schema.IS_LAST, schema.IS_TERMINAL)
# What means nothing in the last row of an episode.
_OF_TRANSITIONS = (schema.ACTION, schema.REWARD, schema.DISCOUNT)
_BARS = ' ▁▂▃▄▅▆▇█'


@dataclasses.dataclass
class FieldSummary:
  """What is in one field of all steps.

  Attributes:
    shape: Its shape in one step.
    dtype: Name of its type.
    low: Least value, or None where the type has no order.
    high: Greatest value, likewise.
    histogram: Counts of values in `BINS` equal parts from low to high; empty
      where nobody asked.
  """

  shape: tuple[int, ...]
  dtype: str
  low: float | None = None
  high: float | None = None
  histogram: list[int] = dataclasses.field(default_factory=list)

  def add(self, values: np.ndarray) -> None:
    """Widens the range by `values`, `[T, ...]`."""
    if not _has_order(values):
      return
    finite = values[np.isfinite(values)]
    if not finite.size:
      return
    low, high = float(finite.min()), float(finite.max())
    self.low = low if self.low is None else min(low, self.low)
    self.high = high if self.high is None else max(high, self.high)

  def count(self, values: np.ndarray) -> None:
    """Adds `values`, `[T, ...]`, to the histogram, once the range is known."""
    if self.low is None or self.high is None:
      return
    finite = values[np.isfinite(values)]
    counts, _ = np.histogram(finite, BINS, (self.low, self.high))
    before = self.histogram or [0] * BINS
    self.histogram = [a + int(b) for a, b in zip(before, counts, strict=True)]

  @property
  def bars(self) -> str:
    """The histogram as small bars, on a line of its own height."""
    if not self.histogram or self.low == self.high:
      return ''
    most = max(self.histogram)
    heights = np.ceil(np.array(self.histogram) * (len(_BARS) - 1) / most)
    return ''.join(_BARS[int(height)] for height in heights)


@dataclasses.dataclass
class Summary:
  """What is in a set.

  Attributes:
    lengths: Number of transitions of each episode that can be learnt from.
    successes: Number of those that succeeded.
    terminals: Number of those that ended in a terminal state.
    refused: Why each other episode cannot.
    fields: Each stored field's path (such as `action/yaw`) and content.
  """

  lengths: list[int] = dataclasses.field(default_factory=list)
  successes: int = 0
  terminals: int = 0
  refused: list[str] = dataclasses.field(default_factory=list)
  fields: dict[str, FieldSummary] = dataclasses.field(default_factory=dict)

  def add(self, stored: schema.StoredEpisode, outcome: reader.Outcome) -> None:
    """Counts one more episode."""
    if isinstance(outcome, structs.Episode):
      self.lengths.append(outcome.length)
      self.successes += outcome.success
      self.terminals += outcome.is_terminal
    else:
      self.refused.append(str(outcome))
    for path, values in meaningful(stored):
      shape, dtype = values.shape[1:], _name_of(values.dtype)
      self.fields.setdefault(path, FieldSummary(shape, dtype)).add(values)

  def count_values(self, stored: schema.StoredEpisode) -> None:
    """Adds an episode to the histograms, in a second reading of the set."""
    for path, values in meaningful(stored):
      if _has_order(values):
        self.fields[path].count(values)

  def __str__(self) -> str:
    return '\n'.join([*self._outcomes(), '', *self._table()])

  def _outcomes(self) -> Iterator[str]:
    count = len(self.lengths)
    if self.refused:
      yield f'refused   {len(self.refused)}; the first: {self.refused[0]}'
    if not count:
      yield 'episodes  none that can be learnt from'
      return
    interval = statistics.wilson_interval(self.successes, count)
    mean = np.mean(self.lengths)
    yield f'episodes  {count}, {sum(self.lengths)} transitions'
    yield (
      f'length    {min(self.lengths)} to {max(self.lengths)}, mean {mean:.1f}'
    )
    yield (
      f'success   {self.successes} of {count}: '
      f'{self.successes / count:.3f} {interval} (90% interval)'
    )
    yield (
      f'end       {self.terminals} terminal, {count - self.terminals} truncated'
    )

  def _table(self) -> list[str]:
    return [
      _row('field', 'shape', 'type', 'least', 'greatest', ''),
      *(
        _row(path, str(list(f.shape)), f.dtype, f.low, f.high, f.bars)
        for path, f in sorted(self.fields.items())
      ),
    ]


def summarize(
  episodes: Iterable[tuple[schema.StoredEpisode, reader.Outcome]],
) -> Summary:
  """Goes through the episodes of `reader.read_both` once; keeps none."""
  summary = Summary()
  for stored, outcome in episodes:
    summary.add(stored, outcome)
  return summary


def meaningful(
  stored: schema.StoredEpisode,
) -> Iterator[tuple[str, np.ndarray]]:
  """Yields path and values of each field, without what means nothing.

  That is action, reward and discount of the last row, and the flags.
  """
  for path, values in fields_lib.by_path(stored).items():
    first = path.split('/')[0]
    if first in _OF_TRANSITIONS:
      yield path, values[:-1]
    elif path not in _FLAGS and first != fields_lib.EPISODE:
      yield path, values


def _has_order(values: np.ndarray) -> bool:
  return bool(np.issubdtype(values.dtype, np.number) and values.size)


def _name_of(dtype: np.dtype) -> str:
  return 'text' if dtype.kind in 'OSU' else str(dtype)


def _row(path: str, shape: str, dtype: str, low: Any, high: Any, bars) -> str:
  cells = [
    f'{cell:.4g}' if isinstance(cell, float) else cell or ''
    for cell in (low, high)
  ]
  start = f'{path:28}{shape:14}{dtype:10}{cells[0]:>10}{cells[1]:>10}'
  return f'{start}  {bars}'.rstrip()
