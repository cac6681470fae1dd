"""The Bellman updater role: computes targets away from the learner.

Source: QT-Opt (arXiv:1806.10293) section 4.3; its public code says that the
updaters were not part of it.
"""

import time
from collections.abc import Callable

import tensorflow as tf

from awopt_agent.experience import augmentation, datasets, packing, tables
from awopt_agent.experience.wire import board, targets, weights
from awopt_agent.experience.wire import connection as connection_lib
from awopt_agent.train import stopping, threads
from awopt_agent.train.roles import context as context_lib
from awopt_agent.train.roles import reports, watch

__all__ = ['BellmanUpdater', 'run']

_STREAM = 100_000
# A look at newer weights in between: they may be the last.
_ROOM_S = 1.0
_CHUNK_S = 0.25


def run(flags) -> str:
  """Computes targets until the learner is done.

  Args:
    flags: Of `awopt-role bellman_updater`.

  Returns:
    The line that says how many batches there were.

  Raises:
    ValueError, OSError: With one line for the user.
  """
  stop = stopping.catch_stop_signals()
  threads.use_cores()
  context = context_lib.build(flags, stream=_STREAM + flags.index)
  try:
    updater = BellmanUpdater(
      context, flags.replay_address, index=flags.index, stop_requested=stop
    )
  except stopping.Stopped:
    return 'bellman_updater: stopped before it began'
  try:
    updater.update()
  except stopping.Stopped:
    pass
  return f'bellman_updater: {updater.batches} batches with targets'


class BellmanUpdater:
  """Reads transitions, and writes them with their targets.

  Attributes:
    batches: Number of batches written.
  """

  def __init__(
    self,
    context: context_lib.Context,
    replay_address: str,
    *,
    index: int = 0,
    stop_requested: Callable[[], bool] = lambda: False,
  ):
    """Waits for the replay server, and joins the parts; nothing runs yet.

    Args:
      context: Of the role.
      replay_address: `host:port`.
      index: Among the updaters; chooses the batches.
      stop_requested: Asked all the time.

    Raises:
      TimeoutError: If there is no replay server.
      Stopped: If a stop was asked for before there was one.
    """
    roles, train = context.roles, context.train
    self._roles = roles
    self._agent = context.agent
    name = f'bellman_updater {index}'
    self._connection = connection_lib.Connection(
      replay_address,
      role=name,
      limit_s=roles.wait_limit_s,
      check=stopping.raiser(stop_requested),
    )
    self._weights = weights.Subscriber(
      self._connection,
      weights.TARGET,
      [self._agent.train_step_counter, *self._agent.target_variables],
    )
    self.batches = 0
    self._pulled_at = -float('inf')
    self._writer = targets.TargetWriter(self._connection)
    self._watch = watch.Watch(
      self._connection,
      table=tables.SUCCESS,
      limit_s=roles.wait_limit_s,
      stop_requested=stop_requested,
      progress=lambda: self.batches,
    )
    self._report = reports.Report(
      context.folder.path, f'bellman_updater-{index}'
    )
    # Reverb asks for the tables' signatures without a limit.
    self._connection.wait_for_item(board.BOARD, what='for the replay role')
    self._batches = iter(
      datasets.make_packed_dataset(
        self._connection.client,
        self._agent.training_data_spec,
        batch_size=train.batch_size,
        success_fraction=train.success_fraction,
        seed=context.seed + _STREAM + index,
      ).prefetch(2)
    )
    self._compute = self._make_compute(train.augment, context.seed + index)

  def _make_compute(self, augment: augmentation.AugmentConfig, seed: int):
    """Returns what draws a batch, and gives its first steps and targets.

    One call does all: TensorFlow keeps some bytes of each eager one for ever.
    """
    spec = self._agent.training_data_spec
    unpack = packing.StepPacking(spec).unpack
    observation_spec = spec.trajectory.observation
    count = tf.Variable(0, dtype=tf.int32, trainable=False)

    @tf.function
    def compute(batches):
      columns = next(batches)
      experience = unpack(columns)
      trajectory = experience.trajectory
      # The learner shifts and colours its own copy, as chance has it there.
      observation = augmentation.augment(
        trajectory.observation,
        observation_spec,
        augment,
        seed=tf.stack([seed, count.assign_add(1)]),
      )
      trajectory = trajectory._replace(observation=observation)
      target = self._agent.bellman_targets(
        experience._replace(trajectory=trajectory)
      )
      first = {name: column[:, 0] for name, column in columns.items()}
      return first, target, self._agent.train_step_counter.read_value()

    return compute

  def update(self) -> None:
    """Computes until the learner is done.

    Raises:
      Stopped: If a stop was asked for.
      TimeoutError: If a wait was too long.
    """
    self._connection.wait_for_item(
      weights.TARGET,
      what='for the first weights of a learner with --targets updaters',
    )
    while not self._weights.finished:
      self._pull_when_due()
      self._watch.run(self._compute_some, what='for a batch of transitions')

  def _compute_some(self) -> None:
    """Computes for a while: to watch each batch cost a sixth of its time."""
    end = time.monotonic() + _CHUNK_S
    while time.monotonic() < end and not self._weights.finished:
      columns, target, step = self._next()
      self._write(columns, target, step)
      self.batches += 1
      self._report.update('batches', self.batches, f'weights of step {step}')

  def _next(self):
    columns, target, step = self._compute(self._batches)
    arrays = {name: column.numpy() for name, column in columns.items()}
    return arrays, target.numpy(), int(step.numpy())

  def _write(self, columns, target, step: int) -> None:
    """Waits for room: the learner may be waiting for practice."""
    end = time.monotonic() + self._roles.wait_limit_s
    try:
      self._writer.write(columns, target, step, limit_s=_ROOM_S)
      return
    except TimeoutError:
      pass
    while not self._weights.finished:
      self._connection.check()
      self._pull_when_due()
      try:
        self._writer.wait_for_room(limit_s=_ROOM_S)
        return
      except TimeoutError:
        if time.monotonic() > end:
          raise

  def _pull_when_due(self) -> None:
    if time.monotonic() - self._pulled_at < self._roles.pull_every_s:
      return
    try:
      self._weights.pull(limit_s=10.0)
    except TimeoutError:
      pass  # The watch over the next batch ends what lasts too long.
    self._pulled_at = time.monotonic()
