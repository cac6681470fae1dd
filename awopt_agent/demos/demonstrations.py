"""The demonstrations of a run: one set or several, each with its mapping."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gin
import numpy as np
import tree
from tf_agents.specs import array_spec
from tf_agents.trajectories import time_step as ts

from awopt_agent import structs
from awopt_agent.demos import mapping as mapping_lib
from awopt_agent.demos import reader, schema, sources

__all__ = ['DemonstrationReader', 'Demonstrations', 'as_sets']


@gin.configurable
@dataclasses.dataclass(frozen=True)
class Demonstrations:
  """A set, and what its fields mean.

  Attributes:
    source: Folder, or TFDS name.
    split: A TFDS split, such as `train`, `train[:6]` or `train[:10%]`.
    weight: Share of this set's episodes among those of all sets, relative to
      the others' weights. Each episode is taken once at most, so that reading
      ends where a set that is due has no more. None, for all sets alike: all
      episodes of each set, one set after the other.
    mapping: What its fields mean.
  """

  source: str = gin.REQUIRED
  split: str = 'train'
  weight: float | None = None
  mapping: mapping_lib.Mapping = dataclasses.field(
    default_factory=mapping_lib.Mapping
  )

  def __post_init__(self):
    if self.weight is not None and not self.weight > 0:
      raise ValueError(
        f'Demonstrations.weight must be > 0, got {self.weight}; leave the set '
        'out instead.'
      )


def as_sets(
  demonstrations: 'str | Sequence[Demonstrations]', split: str
) -> list[Demonstrations]:
  """Returns the sets that a configuration names.

  Args:
    demonstrations: Folder or TFDS name of one set, or sets.
    split: Of the one set.

  Raises:
    ValueError: If it is neither, or some sets have a weight and some none.
  """
  if isinstance(demonstrations, str):
    return [Demonstrations(demonstrations, split)]
  sets = demonstrations if isinstance(demonstrations, list | tuple) else []
  if not sets or not all(isinstance(part, Demonstrations) for part in sets):
    raise ValueError(
      'TrainConfig.demonstrations must be a folder, a TFDS name, or a list of '
      f'@Demonstrations(), got {demonstrations!r}.'
    )
  weighted = [part.source for part in sets if part.weight is not None]
  if len(weighted) not in (0, len(sets)):
    raise ValueError(
      f'Demonstrations.weight is bound for {", ".join(weighted)} alone; bind '
      'it for all sets or for none.'
    )
  return list(sets)


class DemonstrationReader:
  """Reads the episodes of all sets as one stream.

  Attributes:
    total: Episodes that the sets hold; weights may leave some out.
    refused: Why each refused episode was, so far.
  """

  def __init__(
    self,
    sets: Sequence[Demonstrations],
    *,
    success_threshold: float = schema.DEFAULT_SUCCESS_THRESHOLD,
    strict: bool = False,
  ):
    """Checks that the sets and their splits are there.

    Args:
      sets: Of `as_sets`.
      success_threshold: For mappings without one of their own.
      strict: Whether the first episode that cannot be learnt from ends
        reading; else it is passed over.

    Raises:
      FileNotFoundError: If there is no such set.
      ValueError: If a split is unknown or empty.
    """
    self._sets = list(sets)
    self._success_threshold = success_threshold
    self._strict = strict
    self._mappers: list[mapping_lib.EpisodeMapper] = []
    # Of each set, episodes taken; and the sets of which there are no more.
    self._taken: list[int] = []
    self._ended: set[int] = set()
    self.refused: list[str] = []
    self.total = sum(
      sources.check_split(sources.open_set(s.source), s.source, s.split)
      for s in self._sets
    )

  def read(
    self,
    time_step_spec: Any = None,
    action_spec: Any = None,
    on_refused: Callable[[str], None] = lambda reason: None,
  ) -> Iterator[structs.Episode]:
    """Reads from the beginning; nothing is kept in memory.

    Args:
      time_step_spec: Every episode is checked against it, if given.
      action_spec: Likewise.
      on_refused: Is told of each episode that is passed over.

    Yields:
      Episodes.

    Raises:
      ValueError: If every episode of a set is refused; or, if strict, one.
    """
    self.refused.clear()
    self._mappers = []
    streams = [
      self._open(part, (time_step_spec, action_spec), on_refused)
      for part in self._sets
    ]
    self._taken = [0] * len(streams)
    for place in self._order():
      episode = next(streams[place], None)
      if episode is not None:
        self._taken[place] += 1
        yield episode
      elif not self._taken[place]:
        raise ValueError(
          f'no demonstration of {self._sets[place].source} can be learnt from; '
          f'the first: {self._first_refusal(place)}'
        )
      else:
        self._ended.add(place)
        if self._sets[place].weight is not None:
          return

  def _order(self) -> Iterator[int]:
    """Yields whose turn it is: by weight, or one set after the other."""
    self._ended.clear()
    if self._sets[0].weight is None:
      for place in range(len(self._sets)):
        while place not in self._ended:
          yield place
      return
    weights = np.array([part.weight for part in self._sets])
    while True:
      yield int(np.argmin((np.array(self._taken) + 1) / weights))

  def _first_refusal(self, place: int) -> str:
    name = self._sets[place].source if len(self._sets) > 1 else ''
    return next(reason for reason in self.refused if reason.startswith(name))

  def _open(self, part, specs, on_refused) -> Iterator[structs.Episode]:
    name = f'{part.source}: ' if len(self._sets) > 1 else ''

    def refuse(reason: str) -> None:
      self.refused.append(name + reason)
      on_refused(name + reason)

    mapper = mapping_lib.EpisodeMapper(
      part.mapping, success_threshold=self._success_threshold
    )
    self._mappers.append(mapper)
    return reader.read_episodes(
      part.source,
      part.split,
      mapping=mapper,
      time_step_spec=specs[0],
      action_spec=specs[1],
      on_refused=None if self._strict else refuse,
    )

  def report(self) -> str:
    """Says what was refused and cut, or nothing."""
    notes = []
    if self.refused:
      notes.append(f'{len(self.refused)} refused')
    notes += [str(m.report) for m in self._mappers if m.report.cut]
    if len(self._ended) < len(self._sets):
      ended = ', '.join(self._sets[place].source for place in self._ended)
      left = self.total - sum(self._taken) - len(self.refused)
      if ended and left:
        notes.append(f'{left} left out where {ended} had no more')
    return ', '.join(notes)

  def specs(self) -> tuple[Any, Any]:
    """Returns time step spec and action spec of the first good episode.

    Observations have no bounds, but pictures of uint8; continuous actions lie
    in -1 to 1, or in the `action_range` to which they are cut; integers from 0
    to the greatest that any episode has.

    Raises:
      ValueError: See `read`.
    """
    episodes = self.read()
    first = next(episodes)
    mapper = self._mappers[self._taken.index(1)]  # Of its set.
    observation = tree.map_structure(_observation_spec, first.observation)
    greatest = tree.map_structure(_greatest, first.action)
    if any(value is not None for value in tree.flatten(greatest)):
      for episode in episodes:
        greatest = tree.map_structure(
          lambda old, leaf: old if old is None else max(old, _greatest(leaf)),
          greatest,
          episode.action,
        )
    action = tree.map_structure(
      _action_spec, first.action, greatest, mapper.action_ends(first.action)
    )
    return ts.time_step_spec(observation), action


def _observation_spec(values: np.ndarray) -> array_spec.ArraySpec:
  shape = values.shape[1:]
  if values.dtype == np.uint8:
    return array_spec.BoundedArraySpec(shape, np.uint8, 0, 255)
  return array_spec.ArraySpec(shape, values.dtype)


def _greatest(values: np.ndarray) -> int | None:
  if not np.issubdtype(values.dtype, np.integer):
    return None
  return int(values[:-1].max(initial=0))


def _action_spec(values, greatest, ends) -> array_spec.BoundedArraySpec:
  low, high = (ends.low, ends.high) if greatest is None else (0, greatest or 1)
  return array_spec.BoundedArraySpec(values.shape[1:], values.dtype, low, high)
