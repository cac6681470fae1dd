"""The Reverb tables `success` and `failure`, and how episodes enter them."""

import dataclasses
from collections.abc import Mapping

import gin
import numpy as np
import reverb
import tensorflow as tf

from awopt_agent import structs
from awopt_agent.experience import packing

__all__ = [
  'FAILURE',
  'SUCCESS',
  'EpisodeWriter',
  'ReplayConfig',
  'make_tables',
]

SUCCESS = 'success'
FAILURE = 'failure'

# The tables drop the item of the least priority. Practice has the number of
# its episode, so the oldest goes first; demonstrations never go.
_DEMONSTRATION_PRIORITY = 1e15

# Steps that are compressed together. An item of several chunks costs more.
_CHUNK_STEPS = 16
# Of large columns, such as images, each drawn item unpacks every step of its
# chunks: fewer steps save a third of the time.
_LARGE_CHUNK_STEPS = 2
# Items of a long episode that wait to be sent; more grow without end.
_MOST_PENDING = 2 * _CHUNK_STEPS
_WRITE_LIMIT_MS = 60_000


@gin.configurable
@dataclasses.dataclass(frozen=True)
class ReplayConfig:
  """Size of the replay.

  Attributes:
    max_success_items: Transitions that the success table holds at most.
    max_failure_items: Transitions that the failure table holds at most.
  """

  max_success_items: int = 200_000
  max_failure_items: int = 200_000

  def __post_init__(self):
    for name, value in dataclasses.asdict(self).items():
      if value < 1:
        raise ValueError(f'ReplayConfig.{name} must be >= 1, got {value}.')


def make_tables(
  step_spec: structs.Experience,
  config: ReplayConfig,
  *,
  steps_per_item: int,
) -> list[reverb.Table]:
  """Makes the two tables.

  Args:
    step_spec: Specs of one step: `AwOptAgent.training_data_spec`.
    config: Sizes.
    steps_per_item: n + 1.

  Returns:
    Tables of items of n + 1 packed steps, sampled uniformly.
  """
  signature = {
    name: tf.TensorSpec([steps_per_item, *spec.shape], spec.dtype, name)
    for name, spec in packing.StepPacking(step_spec).spec.items()
  }
  sizes = {
    SUCCESS: config.max_success_items,
    FAILURE: config.max_failure_items,
  }
  return [
    reverb.Table(
      name=name,
      sampler=reverb.selectors.Uniform(),
      remover=reverb.selectors.MinHeap(),
      max_size=size,
      rate_limiter=reverb.rate_limiters.MinSize(1),
      signature=signature,
    )
    for name, size in sizes.items()
  ]


class EpisodeWriter:
  """Writes labelled episodes to the table of their outcome.

  Reverb inserts item by item, so each item is right alone: its label holds
  the episode's id and length, by which a half-delivered one is told.
  """

  def __init__(
    self,
    client: reverb.Client,
    step_spec: structs.Experience,
    *,
    steps_per_item: int,
  ):
    """Opens a stream.

    Args:
      client: Of the server that holds the tables.
      step_spec: As given to `make_tables`.
      steps_per_item: n + 1.
    """
    self._steps_per_item = steps_per_item
    self._packing = packing.StepPacking(step_spec)
    keep = max(steps_per_item, _CHUNK_STEPS)
    self._writer = client.trajectory_writer(num_keep_alive_refs=keep)
    for column in self._packing.spec:
      large = column in self._packing.large
      self._writer.configure(
        (column,),
        num_keep_alive_refs=keep,
        max_chunk_length=_LARGE_CHUNK_STEPS if large else _CHUNK_STEPS,
      )
    self.episodes = 0
    self.successes = 0
    self.transitions = 0

  def __call__(
    self, experience: structs.Experience, *, arrival: int | None = None
  ) -> None:
    """Writes an episode of T transitions, given as `[T + 1, ...]`.

    With n > 1 the last items of an episode are padded by its last step, whose
    label says that it is past the end (`step == length`).

    Args:
      experience: The episode.
      arrival: Its number in the order in which practice is dropped; None
        takes its id.
    """
    self.write(
      self._packing.pack(experience), experience.label, arrival=arrival
    )

  def write(
    self,
    columns: Mapping[str, np.ndarray],
    label: structs.EpisodeLabel,
    *,
    arrival: int | None = None,
  ) -> None:
    """Writes an episode that is packed; see `__call__`.

    Args:
      columns: Of `StepPacking.pack`.
      label: Of the episode, `[T + 1]`.
      arrival: Its number in the order in which practice is dropped; None
        takes its id.
    """
    length, success = int(label.length[0]), bool(label.success[0])
    table = SUCCESS if success else FAILURE
    priority = float(label.episode_id[0] if arrival is None else arrival)
    if label.source[0] == structs.Source.DEMONSTRATION:
      priority = _DEMONSTRATION_PRIORITY
    padding = self._steps_per_item - 2
    for row in range(length + 1 + padding):
      self._writer.append(
        {name: column[min(row, length)] for name, column in columns.items()}
      )
      if row + 1 >= self._steps_per_item:
        self._create_item(table, priority)
      if row % _CHUNK_STEPS == 0:
        self._writer.flush(_MOST_PENDING, timeout_ms=_WRITE_LIMIT_MS)
    # Nothing of an episode waits in a buffer, which would grow without end.
    self._writer.end_episode(timeout_ms=_WRITE_LIMIT_MS)
    self.episodes += 1
    self.successes += success
    self.transitions += length

  def _create_item(self, table: str, priority: float) -> None:
    count = self._steps_per_item
    self._writer.create_item(
      table,
      priority,
      {name: column[-count:] for name, column in self._writer.history.items()},
    )

  def close(self) -> None:
    """Delivers what is left and ends the stream."""
    self._writer.flush(timeout_ms=_WRITE_LIMIT_MS)
    self._writer.close()
