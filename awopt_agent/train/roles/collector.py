"""The collector role: practises with the learner's newest weights."""

import os
import time
from collections.abc import Callable
from typing import Any

from awopt_agent import envs, structs
from awopt_agent.envs import vector_env
from awopt_agent.experience import labelling, packing
from awopt_agent.experience.wire import board as board_lib
from awopt_agent.experience.wire import connection as connection_lib
from awopt_agent.experience.wire import inbox, weights
from awopt_agent.train import practice, seeds, stopping, threads
from awopt_agent.train.roles import context as context_lib
from awopt_agent.train.roles import delivery as delivery_lib
from awopt_agent.train.roles import flow as flow_lib
from awopt_agent.train.roles import reports
from awopt_agent.train.roles import spool as spool_lib

__all__ = ['Collector', 'run']

_IDLE_S = 0.05
_ROUND_STEPS = 10
_FINISH_LIMIT_S = 30.0


def run(flags) -> str:
  """Practises until the learner is done.

  Args:
    flags: Of `awopt-role collector`.

  Returns:
    The line that says how many episodes there were.

  Raises:
    ValueError, OSError: With one line for the user.
  """
  stop = stopping.catch_stop_signals()
  threads.use_cores(sparing=True)
  context = context_lib.build(flags, stream=flags.index + 1)
  if context.train.offline:
    raise ValueError(
      'TrainConfig.offline has no environment to practise in; start no '
      'collector, or unbind it.'
    )
  try:
    collector = Collector(context, flags, stop_requested=stop)
  except stopping.Stopped:
    return 'collector: stopped before it began'
  try:
    return collector.collect()
  finally:
    collector.close()


class Collector:
  """A batch of environments, and the way from them to the replay."""

  def __init__(
    self,
    context: context_lib.Context,
    flags,
    *,
    stop_requested: Callable[[], bool] = lambda: False,
  ):
    """Takes up the episodes on its disk, and waits for the replay server.

    Args:
      context: Of the role.
      flags: Of the role.
      stop_requested: Asked all the time.
    """
    self._context, self._stop_requested = context, stop_requested
    self._roles = context.roles
    source = flags.index + 1
    name = f'collector {flags.index}'
    self._connection = connection_lib.Connection(
      flags.replay_address,
      role=name,
      limit_s=self._roles.wait_limit_s,
    )
    self._spool = spool_lib.Spool(
      os.path.join(
        flags.spool_dir or os.path.join(context.folder.path, 'collectors'),
        str(flags.index),
      ),
      max_bytes=self._roles.max_spool_mb * 2**20,
    )
    self._delivery = delivery_lib.Delivery(
      self._spool, self._connection, self._make_board(), source=source
    )
    self._board = self._make_board()
    self._flow = flow_lib.Flow(context.train, context.roles)
    self._weights = weights.Subscriber(
      self._connection, weights.ACTING, context.agent.acting_variables
    )
    self._pulled_at = -float('inf')
    self._learner_heard_at = time.monotonic()
    self._report = reports.Report(
      context.folder.path, f'collector-{flags.index}'
    )
    self._packing = packing.StepPacking(context.agent.training_data_spec)
    self._connection.check = stopping.raiser(stop_requested)
    self._delivery.begin(self._roles.wait_limit_s)
    self._connection.check = lambda: None  # What is done is delivered first.
    self._ids = labelling.EpisodeIds(
      inbox.episode_id(source, self._spool.following)
    )
    self._env = self._make_env(flags.index)
    self._practice = self._make_practice()
    self._counters: dict[str, Any] = {}
    # Of this process's episodes that the replay may not have, by number.
    self._lengths: dict[int, int] = {}

  def _make_board(self) -> board_lib.BoardReader:
    return board_lib.BoardReader(
      self._connection, every_s=self._roles.pull_every_s
    )

  def _make_env(self, index: int) -> vector_env.VectorEnv:
    """Makes environments that go on where an earlier process ended."""
    count = self._context.train.num_envs
    first = seeds.first_environment_seed(seeds.PRACTICE, self._context.seed)
    first += index * count
    env = vector_env.VectorEnv(
      [envs.make(seed=first + i) for i in range(count)]
    )
    state = self._spool.state().get('env')
    if state and len(state) == count:
      env.set_state(state)
    return env

  def _make_practice(self) -> practice.Practice:
    train = self._context.train
    return practice.Practice(
      practice.as_py_policy(self._context.agent.collect_policy),
      self._env,
      round_steps=_ROUND_STEPS * train.num_envs,
      write=self._store,
      episode_ids=self._ids,
      success_threshold=train.success_threshold,
    )

  def _store(self, experience: structs.Experience) -> None:
    """Puts an episode on the disk, from where it is delivered."""
    number = self._spool.add(self._packing.pack(experience))
    expected = inbox.sequence_of(int(experience.label.episode_id[0]))
    if number != expected:
      raise RuntimeError(
        f'episode {expected} is number {number} on the disk; start the '
        'collector again.'
      )
    self._lengths[number] = int(experience.label.length[0])

  def collect(self) -> str:
    """Practises, as the flow allows, until the learner is done."""
    self._delivery.start()
    began = self._spool.following
    while not self._stop_requested():
      self._delivery.check()
      self._listen()
      if self._weights.finished:
        break
      if self._may_practise():
        self._practice.start_round()()
        self._end_round()
      else:
        self._check_learner()
        time.sleep(_IDLE_S)
      self._tell()
    left = self._delivery.finish(_FINISH_LIMIT_S)
    self._end()
    kept = f', {left} of them wait on disk' if left else ''
    return (
      f'collector: {self._spool.following - began} episodes of practice{kept}'
    )

  def _end_round(self, *, last: bool = False) -> None:
    self._spool.end_round({'env': self._env.get_state()}, last=last)

  def _end(self) -> None:
    self._tell(last=True)
    try:
      self._end_round(last=True)
    except OSError as error:  # A full disk: practice was over before.
      print(
        f'collector: {error}; the next process begins with earlier scenes.',
        flush=True,
      )

  def _listen(self) -> None:
    """Takes newer weights and counters, if they are due and there are any."""
    if time.monotonic() - self._pulled_at < self._roles.pull_every_s:
      return
    try:
      if self._weights.pull(limit_s=10.0):
        self._learner_heard_at = time.monotonic()
      self._counters = self._board.read(limit_s=2.0)
    except TimeoutError as error:
      # It practises on, with the weights that it has.
      if self._delivery.unanswered_s > self._roles.wait_limit_s:
        raise error
    self._pulled_at = time.monotonic()

  def _check_learner(self) -> None:
    """Ends a wait for a learner that publishes nothing, not even the old."""
    limit_s = self._roles.wait_limit_s
    if time.monotonic() - self._learner_heard_at > limit_s:
      raise self._connection.timeout(
        'for weights of the learner', weights.ACTING, limit_s
      )

  def _may_practise(self) -> bool:
    if not self._counters or self._spool.is_full:
      return False
    step = int(self._context.agent.train_step_counter.numpy())
    return self._flow.may_practise(self._with_what_is_on_the_way(), step)

  def _with_what_is_on_the_way(self) -> dict[str, int]:
    """Returns the counters as they will be: it would run ahead in an outage."""
    received = self._delivery.received
    for number in [n for n in self._lengths if n < received]:
      del self._lengths[number]
    return {
      'episodes': self._counters['episodes'] + self._delivery.left,
      'steps': self._counters['steps'] + sum(self._lengths.values()),
    }

  def _tell(self, *, last: bool = False) -> None:
    self._report.update(
      'episodes',
      self._spool.following,
      f'{len(self._spool)} on disk, '
      + (
        'no room for more'
        if self._spool.is_full
        else f'weights of step {self._context.agent.train_step_counter.numpy()}'
      ),
      last=last,
      received=self._delivery.received,
      durable=self._delivery.durable,
    )

  def close(self) -> None:
    """Ends practice and delivery."""
    self._practice.close()
    self._delivery.close()
    self._env.close()
    self._spool.close()
