"""Whole episodes on their way into the replay.

Reverb inserts item by item, so that a collector that is killed while it writes
leaves half an episode. An episode is within one item here, which arrives whole
or not at all; the replay role takes it apart. Several that wait share an item:
an item costs both sides more than an episode in it.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import reverb
import tensorflow as tf

from awopt_agent import structs
from awopt_agent.experience import packing
from awopt_agent.experience.wire import connection as connection_lib

__all__ = [
  'INBOX',
  'Inbox',
  'Received',
  'RefusedError',
  'Sender',
  'episode_id',
  'make_table',
  'send',
  'sequence_of',
  'source_of',
]

INBOX = 'inbox'
# The two numbers of `Sender`, beside the columns.
_SENDER = '_sender'
_SEQUENCES = 2**32
_MOST_ITEMS = 256
_MOST_STEPS = 100_000


class Sender(NamedTuple):
  """Who sends an episode.

  Attributes:
    skipped: How many numbers right below that of the first episode its source
      has not, or not any more: there is no use in waiting for those.
    spool: Where its episodes are kept; two senders of one source would take
      each other's numbers.
  """

  skipped: int = 0
  spool: int = 0


def episode_id(source: int, sequence: int) -> int:
  """Returns the id of an episode.

  Args:
    source: 0 for demonstrations, or a collector's index and 1.
    sequence: Number of the episode among those of its source.
  """
  return source * _SEQUENCES + sequence


def source_of(identity: int) -> int:
  """Returns whose an episode is."""
  return identity // _SEQUENCES


def sequence_of(identity: int) -> int:
  """Returns the number of an episode among those of its source."""
  return identity % _SEQUENCES


def make_table(
  step_spec: structs.Experience, *, max_items: int = _MOST_ITEMS
) -> reverb.Table:
  """Makes the queue of episodes; a sender waits while it is full.

  Args:
    step_spec: Specs of one step: `AwOptAgent.training_data_spec`.
    max_items: That wait in it at most.
  """
  return reverb.Table.queue(INBOX, max_items, signature=_signature(step_spec))


def _signature(step_spec: structs.Experience) -> dict[str, tf.TensorSpec]:
  signature = {
    name: tf.TensorSpec([None, *spec.shape], spec.dtype, name)
    for name, spec in packing.StepPacking(step_spec).spec.items()
  }
  signature[_SENDER] = tf.TensorSpec([2], tf.int64, _SENDER)
  return signature


def send(
  connection: connection_lib.Connection,
  episodes: Sequence[Mapping[str, np.ndarray]],
  *,
  limit_s: float,
  sender: Sender = Sender(),  # noqa: B008
) -> None:
  """Sends episodes as one item, and waits until the server has it.

  Args:
    connection: To the replay server.
    episodes: Columns of `StepPacking.pack` of each.
    limit_s: Seconds.
    sender: Who sends them.

  Raises:
    TimeoutError: If the server did not take it in time, or its queue is full.
    ValueError: If the columns are not those of the server's agent.
  """
  record = {
    name: np.concatenate([columns[name] for columns in episodes])
    for name in episodes[0]
  }
  record[_SENDER] = np.array(sender, np.int64)
  connection.call(
    lambda: connection_lib.put(
      connection.client, INBOX, record, limit_s=limit_s
    ),
    what='to deliver episodes',
    table=INBOX,
    limit_s=limit_s + 1,
  )


class RefusedError(ValueError):
  """An episode that cannot be learnt from.

  Attributes:
    episode_id: Which it is; None where its label does not tell.
    skipped: As its sender said.
  """

  def __init__(
    self, reason: str, *, episode_id: int | None = None, skipped: int = 0
  ):
    super().__init__(reason)
    self.episode_id = episode_id
    self.skipped = skipped


class Received(NamedTuple):
  """An episode of T transitions that came.

  Attributes:
    columns: As `StepPacking.pack` made them, `[T + 1, size]`.
    label: Arrays `[T + 1]`, views of the columns.
    sender: Who sent it.
  """

  columns: dict[str, np.ndarray]
  label: structs.EpisodeLabel
  sender: Sender


class Inbox:
  """The replay role's side of the queue."""

  def __init__(self, client: reverb.Client, step_spec: structs.Experience):
    """Takes a client of the server in this process.

    Args:
      client: Of the server.
      step_spec: As given to `make_table`.
    """
    self._client = client
    self._packing = packing.StepPacking(step_spec)
    self._signature = _signature(step_spec)
    self._label = step_spec.label

  def receive(self, count: int) -> Iterator[Received | RefusedError]:
    """Takes items of episodes from the queue, which must hold as many.

    Args:
      count: Number of items.

    Yields:
      An episode of T transitions, or why one cannot be learnt from.
    """
    if not count:
      return
    for columns in connection_lib.take(
      self._client, INBOX, list(self._signature), count
    ):
      try:
        self._check_columns(columns)
        episodes = self._split(columns)
      except RefusedError as error:
        yield error
        continue
      sender = Sender(*columns[_SENDER].tolist())
      for episode in episodes:
        try:
          yield self._open(episode, sender)
        except RefusedError as error:
          yield error

  def _split(
    self, columns: Mapping[str, np.ndarray]
  ) -> list[dict[str, np.ndarray]]:
    """Returns the columns of each episode of an item."""
    packed = {name: columns[name] for name in self._packing.spec}
    rows = {len(column) for column in packed.values()}
    if len(rows) != 1 or min(rows) < 2:
      raise RefusedError(
        f'columns of {sorted(rows)} rows; an episode has two or more, as many '
        'in each.'
      )
    first = np.flatnonzero(self._packing.read(self._label.step, packed) == 0)
    edges = sorted({0, *first.tolist(), *rows})
    return [
      {name: column[start:end] for name, column in packed.items()}
      for start, end in itertools.pairwise(edges)
    ]

  def _open(self, columns: dict[str, np.ndarray], sender: Sender) -> Received:
    """Reads the label of an episode, and refuses what no episode is."""
    label = self._read_label(columns)
    identity = int(label.episode_id[0])
    reason = _unfit_label(label, len(label.step) - 1)
    for name, values in self._packing.values(columns).items():
      if values.dtype.kind == 'f' and not np.isfinite(values).all():
        reason = f'{name} of episode {identity} holds NaN or infinity.'
    if reason:
      raise RefusedError(reason, episode_id=identity, skipped=sender.skipped)
    return Received(columns, label, sender)

  def _read_label(
    self, columns: Mapping[str, np.ndarray]
  ) -> structs.EpisodeLabel:
    # The rest stays packed, as it is written to its table: to unpack it took
    # a seventh of the replay role's time.
    return structs.EpisodeLabel(
      *(self._packing.read(part, columns) for part in self._label)
    )

  def _check_columns(self, columns: Mapping[str, np.ndarray]) -> None:
    """Checks what the table's signature says, which a stranger may ignore."""
    if columns.keys() != self._signature.keys():
      raise RefusedError('an item of other columns than an episode has.')
    for name, spec in self._signature.items():
      column = columns[name]
      fits = spec.shape.is_compatible_with(column.shape)
      if not fits or column.dtype != spec.dtype.as_numpy_dtype:
        raise RefusedError(
          f'column {name} is {column.dtype} of shape {column.shape}, not '
          f'{spec.dtype.name} of shape {spec.shape}.'
        )


def _unfit_label(label: structs.EpisodeLabel, length: int) -> str:
  """Returns why a label is not that of a whole episode; '' if it is."""
  if length > _MOST_STEPS:
    return (
      f'episode {label.episode_id[0]} has {length} transitions, more than '
      f'{_MOST_STEPS}.'
    )
  whole = (
    length > 0
    and np.array_equal(label.step, np.arange(length + 1))
    and (label.length == length).all()
    and (label.success == label.success[0]).all()
    and (label.episode_id == label.episode_id[0]).all()
    and label.episode_id[0] >= 0
  )
  if whole:
    return ''
  return (
    f'the label of episode {label.episode_id[0]} is not that of a whole '
    f'episode of {length} transitions.'
  )
