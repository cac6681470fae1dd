"""Says what is in a set of episodes."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
import tree

from awopt_agent import statistics, structs

__all__ = ['FieldSummary', 'Summary', 'describe', 'summarize']


@dataclasses.dataclass
class FieldSummary:
  """What is in one field of all steps.

  Attributes:
    shape: Its shape in one step.
    dtype: Name of its type.
    low: Least value, or None where the type has no order.
    high: Greatest value, likewise.
  """

  shape: tuple[int, ...]
  dtype: str
  low: float | None = None
  high: float | None = None

  def add(self, values: np.ndarray) -> None:
    """Widens the range by `values`, `[T, ...]`."""
    if not np.issubdtype(values.dtype, np.number) or not values.size:
      return
    low, high = float(values.min()), float(values.max())
    self.low = low if self.low is None else min(low, self.low)
    self.high = high if self.high is None else max(high, self.high)


@dataclasses.dataclass
class Summary:
  """What is in a set.

  Attributes:
    lengths: Number of transitions of each episode.
    successes: Number of episodes that succeeded.
    terminals: Number of episodes that ended in a terminal state.
    fields: Each field's path (such as `action/yaw`) and content.
  """

  lengths: list[int] = dataclasses.field(default_factory=list)
  successes: int = 0
  terminals: int = 0
  fields: dict[str, FieldSummary] = dataclasses.field(default_factory=dict)

  def add(self, episode: structs.Episode) -> None:
    """Counts one more episode."""
    self.lengths.append(episode.length)
    self.successes += episode.success
    self.terminals += episode.is_terminal
    for path, values in _meaningful_fields(episode).items():
      summary = self.fields.setdefault(
        path, FieldSummary(values.shape[1:], str(values.dtype))
      )
      summary.add(values)


def summarize(episodes: Iterable[structs.Episode]) -> Summary:
  """Goes through episodes once; keeps none."""
  summary = Summary()
  for episode in episodes:
    summary.add(episode)
  return summary


def describe(summary: Summary) -> str:
  """Returns a table for people, of at least one episode."""
  lengths, count = summary.lengths, len(summary.lengths)
  interval = statistics.wilson_interval(summary.successes, count)
  lines = [
    f'episodes  {count}, {sum(lengths)} transitions',
    f'length    {min(lengths)} to {max(lengths)}, mean {np.mean(lengths):.1f}',
    f'success   {summary.successes} of {count}: '
    f'{summary.successes / count:.3f} {interval} (90% interval)',
    f'end       {summary.terminals} terminal, '
    f'{count - summary.terminals} truncated',
    '',
    _row('field', 'shape', 'type', 'least', 'greatest'),
  ]
  lines += [
    _row(path, str(list(field.shape)), field.dtype, field.low, field.high)
    for path, field in sorted(summary.fields.items())
  ]
  return '\n'.join(lines)


def _meaningful_fields(episode: structs.Episode) -> dict[str, np.ndarray]:
  """Returns fields by path, without what means nothing in the last row."""
  parts = {
    'observation': episode.observation,
    'action': tree.map_structure(lambda leaf: leaf[:-1], episode.action),
    'reward': episode.reward[:-1],
    'discount': episode.discount[:-1],
  }
  return {
    '/'.join(map(str, path)): np.asarray(leaf)
    for path, leaf in tree.flatten_with_path(parts)
  }


def _row(path: str, shape: str, dtype: str, low: Any, high: Any) -> str:
  cells = [
    f'{cell:.4g}' if isinstance(cell, float) else cell or ''
    for cell in (low, high)
  ]
  return f'{path:28}{shape:14}{dtype:10}{cells[0]:>10}{cells[1]:>10}'.rstrip()
