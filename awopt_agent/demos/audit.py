"""Finds what is wrong in a data set before it spoils training."""

import collections
import dataclasses
import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from awopt_agent import structs
from awopt_agent.demos import fields, reader, schema, statistics

__all__ = ['Audit', 'Finding']

ERROR = 'error'
WARNING = 'warning'

_SHOWN = 6
# Not checked for change: they are the same in most sets, and may be.
_MAY_BE_CONSTANT = (schema.REWARD, schema.DISCOUNT)


@dataclasses.dataclass
class Finding:
  """Something wrong.

  Attributes:
    severity: 'error' would spoil training; a 'warning' may be meant so.
    field: Path, or '' where it is about whole episodes.
    problem: What is wrong.
    split: Where.
    episodes: Places in the split; empty where it is about all.
  """

  severity: str
  field: str
  problem: str
  split: str
  episodes: list[int] = dataclasses.field(default_factory=list)

  def __str__(self) -> str:
    where = self.split
    if self.episodes:
      shown = ', '.join(map(str, self.episodes[:_SHOWN]))
      more = len(self.episodes) - _SHOWN
      where += f' {shown}' + (f' and {more} more' if more > 0 else '')
    return f'{self.severity:9}{self.field:28}{self.problem}: {where}'


class Audit:
  """Collects findings while a set is read, split after split."""

  def __init__(self):
    self._findings: dict[tuple, Finding] = {}
    self._shapes: dict[str, str] = {}
    # Of each field of a split: its first value, until another one is seen.
    self._constants: dict[tuple[str, str], Any] = {}
    self._seen: dict[bytes, tuple[str, int]] = {}
    self._counts: dict[str, collections.Counter] = {}

  def add(
    self,
    split: str,
    index: int,
    stored: schema.StoredEpisode,
    outcome: reader.Outcome,
  ) -> None:
    """Checks one more episode.

    Args:
      split: Of the episode.
      index: Its place in the split.
      stored: As it was read.
      outcome: What it means here, or why nothing.
    """
    counts = self._counts.setdefault(split, collections.Counter())
    counts['episodes'] += 1
    counts['steps'] += stored.num_steps
    problems = [*_boundaries(stored), *_values(stored)]
    if isinstance(outcome, structs.Episode):
      counts['transitions'] += outcome.length
      counts['successes'] += outcome.success
      problems += _actions(outcome)
    elif not any(severity == ERROR for severity, _, _ in problems):
      problems.append((ERROR, '', _reason(outcome)))
    problems += self._changes(stored)
    problems += self._copies(split, index, stored)
    self._note_constants(split, stored)
    for problem in problems:
      self._note(problem, split, index)

  def _note(self, problem: tuple[str, str, str], split: str, index: int):
    finding = self._findings.setdefault(
      (*problem, split), Finding(*problem, split)
    )
    finding.episodes.append(index)

  def _changes(self, stored) -> Iterator[tuple[str, str, str]]:
    for path, found in fields.signature(stored).items():
      first = self._shapes.setdefault(path, found)
      if found != first:
        yield ERROR, path, f'has {found}, unlike {first} before'

  def _copies(self, split, index, stored) -> Iterator[tuple[str, str, str]]:
    digest = hashlib.blake2b(digest_size=16)
    for path, values in fields.by_path(stored).items():
      if path.split('/')[0] != fields.EPISODE:
        digest.update(path.encode())
        plain = values.astype('S') if values.dtype.kind == 'O' else values
        digest.update(np.ascontiguousarray(plain).tobytes())
    first = self._seen.setdefault(digest.digest(), (split, index))
    if first == (split, index):
      return
    if first[0] == split:
      yield WARNING, '', 'is in the split twice'
    else:
      yield ERROR, '', f'is in the split {first[0]!r} too'

  def _note_constants(self, split: str, stored) -> None:
    for path, values in statistics.meaningful(stored):
      if path in _MAY_BE_CONSTANT or not len(values):
        continue
      first = self._constants.setdefault((split, path), values[0])
      if first is not None and not _all_equal(values, first):
        self._constants[split, path] = None

  def findings(self) -> list[Finding]:
    """Returns all that was found, errors first."""
    found = list(self._findings.values())
    for split, counts in self._counts.items():
      if counts['transitions'] and not counts['successes']:
        problem = 'no episode succeeds: nothing for the actor to learn from'
        found.append(Finding(ERROR, schema.REWARD, problem, split))
    for (split, path), value in self._constants.items():
      if value is not None and self._counts[split]['steps'] > 1:
        problem = 'is the same in all steps'
        found.append(Finding(WARNING, path, problem, split))
    return sorted(found, key=lambda one: (one.severity, one.split, one.field))

  @property
  def spoils_training(self) -> bool:
    """Whether there is an error."""
    return any(finding.severity == ERROR for finding in self.findings())

  def as_record(self) -> dict[str, Any]:
    """Returns counts and findings for JSON."""
    return {
      'splits': {split: dict(found) for split, found in self._counts.items()},
      'findings': [dataclasses.asdict(one) for one in self.findings()],
      'ok': not self.spoils_training,
    }

  def __str__(self) -> str:
    lines = [
      f'{split}: {found["episodes"]} episodes, {found["steps"]} steps, '
      f'{found["transitions"]} transitions to learn from, '
      f'{found["successes"]} successes'
      for split, found in self._counts.items()
    ]
    findings = self.findings()
    heading = f'{"":9}{"field":28}problem: split and episodes'
    table = [heading, *map(str, findings)] if findings else []
    return '\n'.join([*lines, *table])


def _boundaries(stored) -> Iterable[tuple[str, str, str]]:
  """Yields what is wrong with the ends of an episode."""
  last = stored.num_steps - 1
  if last < 1:
    yield ERROR, '', 'has no transition, only one step'
  for name, expected, missing in (
    (schema.IS_FIRST, 0, 'does not mark the first step'),
    (schema.IS_LAST, last, 'does not mark the last step: a truncation'),
    (schema.IS_TERMINAL, last, ''),
  ):
    if name not in stored.steps:
      yield WARNING, name, 'is missing'
      continue
    marked = np.flatnonzero(stored.steps[name])
    if set(marked) - {expected}:
      yield ERROR, name, 'marks a step within the episode'
    elif missing and not marked.size:
      yield WARNING, name, missing
  for name in (schema.REWARD, schema.DISCOUNT):
    if name not in stored.steps:
      yield WARNING, name, 'is missing'


def _values(stored) -> Iterable[tuple[str, str, str]]:
  """Yields which fields hold what cannot be learnt from."""
  for path, values in statistics.meaningful(stored):
    if values.dtype.kind == 'f' and not np.all(np.isfinite(values)):
      yield ERROR, path, 'holds NaN or infinity'
    elif path == schema.DISCOUNT and np.any(values[:-1] == 0):
      yield ERROR, path, 'is 0 before the end'
    elif path == schema.DISCOUNT and np.any((values < 0) | (values > 1)):
      yield ERROR, path, 'lies beyond 0 to 1'
  if _has_last_reward(stored):
    yield (
      WARNING,
      schema.REWARD,
      "of the last step is ignored (Mapping.success = 'reward > 0' and "
      "Mapping.reward = 'success' count it)",
    )


def _has_last_reward(stored) -> bool:
  rewards = np.asarray(stored.steps.get(schema.REWARD, ()))
  is_number = rewards.ndim == 1 and rewards.dtype.kind in 'biuf'
  return bool(is_number and np.any(rewards[-1:]))


def _actions(episode: structs.Episode) -> Iterable[tuple[str, str, str]]:
  nest = schema.StoredEpisode({schema.ACTION: episode.action}, {})
  for path, values in fields.by_path(nest).items():
    if values.dtype.kind == 'f' and np.any(np.abs(values[:-1]) > 1):
      yield (
        WARNING,
        path,
        'lies beyond -1 to 1 (Mapping.action_fit clips or rescales)',
      )


def _reason(outcome: schema.BadEpisodeError) -> str:
  return str(outcome).split(': ', 1)[-1].split(';')[0].rstrip('.')


def _all_equal(values: np.ndarray, first: Any) -> bool:
  if values.dtype.kind == 'f':
    return bool(np.array_equal(values, np.broadcast_to(first, values.shape)))
  return bool(np.all(values == first))
