"""Batches with their Bellman targets, from the updaters to the learner.

QT-Opt (arXiv:1806.10293) section 4.3 computes targets away from the learner
and writes labelled transitions to a buffer of its own. An item here is a whole
batch: a hundredth of the cost of single transitions, and their mixture stays
as the updater drew it. Of n + 1 steps, a target leaves the first to learn from.
"""

from collections.abc import Mapping

import numpy as np
import reverb
import tensorflow as tf

from awopt_agent import structs
from awopt_agent.experience import augmentation, datasets, packing
from awopt_agent.experience.wire import connection as connection_lib

__all__ = [
  'LABELLED',
  'TargetMeter',
  'TargetWriter',
  'make_dataset',
  'make_table',
]

LABELLED = 'labelled'
_TARGET = '_target'
_STEP = '_target_step'
# Batches that wait at the learner; each makes a target a step older.
_IN_FLIGHT = 2


def _signature(
  step_spec: structs.Experience, batch_size: int
) -> dict[str, tf.TensorSpec]:
  signature = {
    name: tf.TensorSpec([batch_size, *spec.shape], spec.dtype, name)
    for name, spec in packing.StepPacking(step_spec).spec.items()
  }
  signature[_TARGET] = tf.TensorSpec([batch_size], tf.float32, _TARGET)
  signature[_STEP] = tf.TensorSpec([], tf.int64, _STEP)
  return signature


def make_table(
  step_spec: structs.Experience,
  *,
  batch_size: int,
  max_batches: int,
) -> reverb.Table:
  """Makes the queue of labelled batches; updaters wait while it is full.

  Args:
    step_spec: Specs of one step: `AwOptAgent.training_data_spec`.
    batch_size: B.
    max_batches: That wait in it at most.
  """
  return reverb.Table.queue(
    LABELLED,
    max_batches,
    signature=_signature(step_spec, batch_size),
  )


class TargetWriter:
  """An updater's side of the queue.

  One stream for all batches, whose shapes are the same: a writer for each, as
  `connection.put` has, took as long as the targets themselves.
  """

  def __init__(self, connection: connection_lib.Connection):
    """Writes nothing yet."""
    self._connection = connection
    self._writer: reverb.TrajectoryWriter | None = None

  def write(
    self,
    columns: Mapping[str, np.ndarray],
    target: np.ndarray,
    step: int,
    *,
    limit_s: float,
  ) -> None:
    """Writes a batch, and waits until the queue has room for those before it.

    Args:
      columns: First steps of `datasets.make_packed_dataset`, `[B, size]`.
      target: `[B]`, return units.
      step: Learner step of the weights that computed it.
      limit_s: Seconds.

    Raises:
      TimeoutError: If the queue stayed full, or the server is gone; the batch
        may arrive later.
      ValueError: If the batch is not one of the queue's.
    """
    record = {
      **columns,
      _TARGET: np.asarray(target, np.float32),
      _STEP: np.int64(step),
    }
    self._call(lambda: self._append(record), limit_s)
    self.wait_for_room(limit_s=limit_s)

  def wait_for_room(self, *, limit_s: float) -> None:
    """Waits until the queue has taken all batches but the last.

    What was given to a server that died is lost; there are other batches.

    Raises:
      TimeoutError: As `write`.
    """
    writer = self._writer
    if writer is not None:
      self._call(
        lambda: writer.flush(1, timeout_ms=max(1, int(limit_s * 1000))),
        limit_s + 1,
      )

  def _append(self, record: Mapping[str, np.ndarray]) -> None:
    if self._writer is None:
      self._writer = self._connection.client.trajectory_writer(
        num_keep_alive_refs=1
      )
    self._writer.append(dict(record))
    history = self._writer.history
    self._writer.create_item(
      LABELLED, 1.0, {name: history[name][-1] for name in record}
    )

  def _call(self, function, limit_s: float) -> None:
    try:
      self._connection.call(
        function,
        what='for room in the queue of labelled batches',
        table=LABELLED,
        limit_s=limit_s,
      )
    except TimeoutError:
      if not self._is_full():
        # The stream is of a server that died: Reverb's never goes on.
        self._writer = None
      raise

  def _is_full(self) -> bool:
    """Tells whether the queue is why it takes nothing."""
    try:
      info = self._connection.info(LABELLED)
    except TimeoutError:
      return False
    return info.current_size >= info.max_size


class TargetMeter(tf.Module):
  """How old the targets were that the learner took, in learner steps.

  Attributes:
    taken: Number of batches.
    dropped: Number of batches that were too old, or came from weights which
      the learner has not: it died, and its last checkpoint was older.
    sum_age: Of those taken.
    max_age: Of those taken.
  """

  def __init__(self, step: tf.Variable, max_age: int):
    """Begins.

    Args:
      step: The learner's counter.
      max_age: The oldest that is taken.
    """
    super().__init__(name='target_meter')
    self._step = step
    self._most = max_age

    def count(name):
      return tf.Variable(0, dtype=tf.int64, trainable=False, name=name)

    # Data sets run there, and would not find them on a GPU.
    with tf.device('cpu:0'):
      self.taken, self.dropped = count('taken'), count('dropped')
      self.sum_age, self.max_age = count('sum_age'), count('max_age')

  def accepts(self, made_at: tf.Tensor) -> tf.Tensor:
    """Notes a batch, and tells whether it is of this run and young enough."""
    with tf.device('cpu:0'):  # Wherever the agent has it.
      age = tf.identity(self._step) - made_at
    young = (age >= 0) & (age <= self._most)
    self.dropped.assign_add(tf.cast(~young, tf.int64))
    self.taken.assign_add(tf.cast(young, tf.int64))
    kept = tf.where(young, age, 0)
    self.sum_age.assign_add(kept)
    self.max_age.assign(tf.maximum(self.max_age, kept))
    return young

  def numbers(self) -> dict[str, float]:
    """Returns mean and greatest age, and the share of dropped batches."""
    taken, dropped = int(self.taken.numpy()), int(self.dropped.numpy())
    return {
      'target_age': int(self.sum_age.numpy()) / max(taken, 1),
      'target_age_max': int(self.max_age.numpy()),
      'targets_dropped': dropped / max(taken + dropped, 1),
    }


def make_dataset(
  client: reverb.Client,
  step_spec: structs.Experience,
  meter: TargetMeter,
  *,
  augment: augmentation.AugmentConfig | None = None,
  seed: int = 0,
) -> tf.data.Dataset:
  """Makes the learner's data set of labelled batches.

  Args:
    client: Of the server that holds the queue.
    step_spec: As given to `make_table`.
    meter: Refuses what is too old.
    augment: How images of observations change; None for not at all.
    seed: Of the augmentation.

  Returns:
    Endless data set of `(Experience [B, 1, ...], {'target': [B]})`.
  """
  unpack = packing.StepPacking(step_spec).unpack

  def open_batch(columns):
    columns = dict(columns)
    target = columns.pop(_TARGET)
    del columns[_STEP]
    first = {name: column[:, tf.newaxis] for name, column in columns.items()}
    return unpack(first), {'target': target}

  batches = (
    reverb.TrajectoryDataset.from_table_signature(
      client.server_address,
      LABELLED,
      max_in_flight_samples_per_worker=_IN_FLIGHT,
      num_workers_per_iterator=1,
    )
    .map(lambda sample: sample.data)
    .filter(lambda columns: meter.accepts(columns[_STEP]))
    .map(open_batch)
  )
  if augment is not None:
    batches = augmentation.augment_dataset(
      batches, step_spec, augment, seed=seed
    )
  return datasets.without_sharding(batches.prefetch(1))
