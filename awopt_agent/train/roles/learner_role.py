"""The learner role: learns, publishes weights, and saves the run."""

import time
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tf_agents.train import interval_trigger

from awopt_agent.experience import datasets, tables
from awopt_agent.experience.wire import board as board_lib
from awopt_agent.experience.wire import connection as connection_lib
from awopt_agent.experience.wire import inbox, targets
from awopt_agent.train import (
  checkpoints,
  learner,
  metrics,
  stopping,
  strategies,
  threads,
)
from awopt_agent.train import config as config_lib
from awopt_agent.train.roles import context as context_lib
from awopt_agent.train.roles import (
  demonstration_sender,
  publishing,
  remote_replay,
  reports,
  watch,
)
from awopt_agent.train.roles import flow as flow_lib

__all__ = ['LearnerRole', 'run']

_AT_ONCE = 100
_SHORTEST = 20
_IDLE_S = 0.05
_RETRY_S = 5.0
# A stop is heard after so many seconds.
_CHUNK_S = 2.0
_SAVE_LIMIT_S = 600.0


def run(flags) -> str:
  """Runs the role to the end of the run.

  Args:
    flags: Of `awopt-role learner`.

  Returns:
    The line that says how far it came.

  Raises:
    ValueError, OSError: With one line for the user.
  """
  stop = stopping.catch_stop_signals()
  threads.use_cores()
  try:
    role = _make(flags, stop)
  except stopping.Stopped:
    return 'learner: stopped before it began'
  try:
    role.begin()
    return role.learn()
  except stopping.Stopped:
    return role.stop()


def _make(flags, stop: Callable[[], bool]) -> 'LearnerRole':
  # Before any tensor: it may join other workers.
  strategy = None
  if flags.strategy != 'none':
    strategy = strategies.make(flags.strategy, check=stopping.raiser(stop))
  context = context_lib.build(flags, strategy=strategy)
  if strategies.is_chief(strategy):
    context.folder.lock()
  return LearnerRole(
    context,
    flags.replay_address,
    targets_given=flags.targets == 'updaters',
    strategy=strategy,
    stop_requested=stop,
  )


class LearnerRole:
  """What `awopt-train` does with its learner, against a replay elsewhere."""

  def __init__(
    self,
    context: context_lib.Context,
    replay_address: str,
    *,
    targets_given: bool = False,
    strategy: tf.distribute.Strategy | None = None,
    stop_requested: Callable[[], bool] = lambda: False,
  ):
    """Waits for the replay server, and joins the parts; nothing runs yet.

    Args:
      context: Of the role; its agent was made in the strategy's scope.
      replay_address: `host:port`.
      targets_given: Whether Bellman updaters compute the targets.
      strategy: Of `strategies.make`; None for one replica. Of many workers,
        the chief alone writes files and publishes weights.
      stop_requested: Asked all the time; True saves and stops.

    Raises:
      TimeoutError: If there is no replay server.
      Stopped: If a stop was asked for before there was one.
    """
    self._context = context
    self._train, self._roles = context.train, context.roles
    self._agent = context.agent
    self._strategy = strategy
    self._stop_requested = stop_requested
    self._is_chief = strategies.is_chief(strategy)
    self._connection = connection_lib.Connection(
      replay_address,
      role='learner',
      limit_s=context.roles.wait_limit_s,
      # Of many workers, one that stops alone would leave the others hanging.
      check=stopping.raiser(self._stops_alone),
    )
    self._board = board_lib.BoardReader(
      self._connection, every_s=context.roles.pull_every_s
    )
    self._flow = flow_lib.Flow(context.train, context.roles)
    self._store = checkpoints.CheckpointStore(
      context.folder.checkpoints, context.agent, config=context.checkpoints
    )
    self._replay = remote_replay.RemoteReplay(
      self._board,
      context.folder.path,
      limit_s=_SAVE_LIMIT_S,
      # The one whose counters go into the same checkpoint, and no later one.
      incarnation=lambda: self._counters['incarnation'],
    )
    self._log = metrics.MetricsLog(context.folder.metrics)
    self._report = reports.Report(context.folder.path, _name(strategy))
    self._publishing = publishing.Publishing(
      self._agent,
      self._connection,
      every_s=context.roles.publish_every_s,
      max_target_age=context.roles.max_target_age if targets_given else None,
    )
    self._meter = targets.TargetMeter(
      self._agent.train_step_counter, context.roles.max_target_age
    )
    # Reverb asks for the tables' signatures without a limit.
    self._counters: dict[str, Any] = self._board.read_now(
      limit_s=context.roles.wait_limit_s
    )
    self._check_run()
    self._learner = self._make_learner(targets_given)
    self._save_trigger = interval_trigger.IntervalTrigger(
      self._train.checkpoint_every, self._try_to_save
    )
    self._watch = watch.Watch(
      self._connection,
      table=targets.LABELLED if targets_given else tables.SUCCESS,
      limit_s=context.roles.wait_limit_s,
      stop_requested=self._stops_alone,
      progress=lambda: self.step,
      when_still=self._republish,
    )
    self._most_at_once = _AT_ONCE
    if targets_given:  # Weights are published between two times alone.
      oldest = context.roles.max_target_age
      self._most_at_once = min(_AT_ONCE, max(1, oldest // 4))
    self._at_once = 1 if strategy is None else self._most_at_once
    self._begun = False
    self._heard_at = self._moved_at = time.monotonic()

  @property
  def step(self) -> int:
    """The learner step."""
    return int(self._agent.train_step_counter.numpy())

  def _stops_alone(self) -> bool:
    return self._strategy is None and self._stop_requested()

  def _make_learner(self, targets_given: bool) -> learner.Learner:
    config, spec = self._train, self._agent.training_data_spec
    client, seed = self._connection.client, self._context.seed
    if targets_given:
      batches = targets.make_dataset(
        client, spec, self._meter, augment=config.augment, seed=seed
      )
    else:
      batches = datasets.make_dataset(
        client,
        spec,
        batch_size=config.batch_size,
        success_fraction=config.success_fraction,
        augment=config.augment,
        seed=seed,
      )
    return learner.Learner(
      self._agent,
      batches,
      root_dir=self._context.folder.path,
      summary_every=config.summary_every,
      strategy=self._strategy,
    )

  def begin(self) -> None:
    """Takes up the newest checkpoint, or begins with the demonstrations.

    Raises:
      ValueError: If the folder belongs to another configuration.
      TimeoutError: If there is no replay server.
    """
    if not self._is_chief:
      self._follow()
      return
    folder, seed = self._context.folder, self._context.seed
    self._store.recover()
    latest = self._store.latest()
    if latest:
      _check_is_ours(latest)
      folder.check_same(config_lib.operative(), seed)
    folder.claim(config_lib.operative(), seed)
    self._counters = self._board.read_now(limit_s=self._roles.wait_limit_s)
    if latest:
      self._resume(latest)
    else:
      sender = demonstration_sender.DemonstrationSender(
        self._context, self._connection, self._board
      )
      self._counters = sender.deliver()
      self.save()
    self._begun = True
    self._heard_at = time.monotonic()
    self._publishing.publish()

  def _follow(self) -> None:
    """Takes up the checkpoint with which the chief begins."""
    self._counters = self._board.read_now(limit_s=self._roles.wait_limit_s)
    end = time.monotonic() + self._roles.wait_limit_s
    while not (latest := self._store.latest()):
      self._connection.check()
      if time.monotonic() > end:
        raise TimeoutError(
          f'learner: waited {self._roles.wait_limit_s:.0f} s for the first '
          f'checkpoint of the chief in {self._context.folder.checkpoints}; '
          'start worker 0, with the same --root_dir.'
        )
      time.sleep(_IDLE_S)
    self._store.restore_agent(latest)
    self._begun = True

  def _resume(self, latest: str) -> None:
    self._store.restore_agent(latest)
    self._save_trigger.set_start(self.step)
    self._log.append({'phase': 'resume', **self._where()})
    print(f'learner: resumed from {latest}, step {self.step}', flush=True)

  def save(self) -> None:
    """Writes a checkpoint of weights and replay; both belong together."""
    self._save(finished=False)

  def _try_to_save(self) -> None:
    """Saves, or says why not: the next time there may be a replay, or space."""
    try:
      self.save()
    except OSError as error:
      print(f'learner: {error}', flush=True)

  def _save_the_end(self) -> bool:
    """Saves the last checkpoint, and tells whether it could.

    A replay that started again may lack what it had: then there is more to do.
    """
    saved = False
    try:
      self._save(finished=True)
      if self._is_chief:
        self._publishing.publish(finished=True)
      saved = True
    except OSError as error:
      if time.monotonic() - self._moved_at > self._roles.wait_limit_s:
        raise
      print(f'learner: {error} It tries again.', flush=True)
      self._connection.check()
      time.sleep(_RETRY_S)
    return not self._any(not saved)

  def _save(self, *, finished: bool) -> None:
    if not self._is_chief:
      return
    state = {
      'practised': self._counters.get('episodes', 0),
      'practised_steps': self._counters.get('steps', 0),
      'finished': finished,
    }
    self._store.save(self.step, self._replay, state)
    self._moved_at = time.monotonic()

  def stop(self) -> str:
    """Saves what was learnt, and says so."""
    if not self._begun:
      return 'learner: stopped before it began'
    self._connection.check = lambda: None  # It has been heard.
    if self._is_chief:
      self._counters = self._board.read_now(limit_s=30.0)
    self.save()
    self._tell(None, last=True)
    return f'learner: stopped at step {self.step}, saved'

  def learn(self) -> str:
    """Learns until the run's end, and publishes the last weights."""
    while True:
      if self._any(self._stop_requested()):
        raise stopping.Stopped
      self._listen()
      if not self._any(self._flow.is_learnt(self._counters, self.step)):
        self._turn()
      elif self._save_the_end():
        break
    self._tell(None, last=True)
    return (
      f'learner: finished at step {self.step}, '
      f'{self._counters["episodes"]} episodes of practice'
    )

  def _any(self, flag: bool) -> bool:
    """Returns whether a flag is set in any worker; all must ask."""
    return flag if self._strategy is None else self._learner.agree(flag)

  def _steps_due(self) -> int:
    """Returns how many steps to take now, the same in all workers."""
    before = self._train.pretrain_steps - self.step
    if before > 0:
      return min(before, self._to_the_next(self._at_once))
    left = self._flow.learner_steps_allowed(self._counters) - self.step
    shortest = min(_SHORTEST, self._flow.learner_lead, self._at_once)
    enough = left >= shortest or self._flow.is_practised(self._counters)
    if self._strategy is not None:
      # Each has read other counters: all take as many, or none.
      return 0 if self._any(not enough) else shortest
    return min(left, self._to_the_next(self._at_once)) if enough else 0

  def _to_the_next(self, multiple: int) -> int:
    """Returns how many steps end at a multiple, as checkpoints do."""
    return multiple - self.step % multiple

  def _turn(self) -> None:
    """Takes some steps, if they are due."""
    steps = self._steps_due()
    if not steps:
      self._wait_for_practice()
      return
    began = time.monotonic()
    loss = self._watch.run(lambda: self._learner.run(steps), what='for a batch')
    self._moved_at = time.monotonic()
    if self._strategy is None:  # All workers take as many.
      each_s = (self._moved_at - began) / steps
      self._at_once = min(max(round(_CHUNK_S / each_s), 1), self._most_at_once)
    self._save_trigger(self.step)
    self._publish_when_due()
    self._tell(loss)

  def _wait_for_practice(self) -> None:
    self._publish_when_due()
    self._tell(None)
    limit_s = self._roles.wait_limit_s
    if time.monotonic() - self._moved_at > limit_s:
      raise self._connection.timeout(
        f'for practice beyond {self._counters["steps"]} steps',
        inbox.INBOX,
        limit_s,
      )
    time.sleep(_IDLE_S)

  def _check_run(self) -> None:
    """Checks that this is the replay of this folder, before it gives it any.

    Raises:
      ValueError: If another run's replay server has the address.
    """
    own = self._context.folder.identity()
    if own != self._counters['run']:
      raise ValueError(
        f'the replay server at {self._connection.address} belongs to another '
        f'run than {self._context.folder.path}; correct --replay_address.'
      )

  def _listen(self) -> None:
    """Reads the counters; a replay role that starts again is waited for."""
    try:
      self._counters = self._board.read(limit_s=2.0)
      self._heard_at = time.monotonic()
    except TimeoutError as error:
      self._note_silence(error)

  def _note_silence(self, error: TimeoutError) -> None:
    if time.monotonic() - self._heard_at > self._roles.wait_limit_s:
      raise error

  def _publish_when_due(self) -> None:
    if not self._is_chief:
      return
    try:
      self._publishing.publish_when_due()
    except TimeoutError as error:
      self._note_silence(error)

  def _republish(self) -> None:
    if self._is_chief:
      self._publishing.publish_to_the_waiting()

  def _tell(self, loss, *, last: bool = False) -> None:
    counters = self._counters
    note = f'{counters["episodes"]} episodes'
    if loss is not None:
      note += f', critic loss {loss.critic_loss:.3f}'
    numbers = self._meter.numbers()
    if self._meter.taken.numpy():
      note += f', targets {numbers["target_age"]:.0f} steps old'
    if self._report.update('steps', self.step, note, last=last, **numbers):
      self._learner.summarize(**numbers)

  def _where(self) -> dict[str, Any]:
    return {
      'time': round(time.time(), 1),
      'learner_step': self.step,
      'episodes': self._counters['episodes'],
      'steps': self._counters['steps'],
    }


def _name(strategy: tf.distribute.Strategy | None) -> str:
  if strategies.is_chief(strategy):
    return 'learner'
  assert strategy is not None
  return f'learner-{strategy.cluster_resolver.task_id}'


def _check_is_ours(checkpoint: str) -> None:
  if 'practised' not in checkpoints.read_state(checkpoint):
    raise ValueError(
      f'{checkpoint} was saved by awopt-train; go on with awopt-train, or '
      'choose another --root_dir.'
    )
