"""The evaluator role: measures the policies, and exports the last ones."""

import os
import time
from collections.abc import Callable
from typing import Any

from awopt_agent import envs, statistics
from awopt_agent.envs import vector_env
from awopt_agent.experience.wire import board as board_lib
from awopt_agent.experience.wire import connection as connection_lib
from awopt_agent.experience.wire import weights
from awopt_agent.serving import export as export_lib
from awopt_agent.train import (
  checkpoints,
  evaluation,
  metrics,
  phases,
  seeds,
  stopping,
  threads,
)
from awopt_agent.train.roles import context as context_lib
from awopt_agent.train.roles import reports

__all__ = ['Evaluator', 'run']

_IDLE_S = 0.5


def run(flags) -> str:
  """Evaluates until the learner is done, then exports its policies.

  Args:
    flags: Of `awopt-role evaluator`.

  Returns:
    The line that says what was learnt.

  Raises:
    ValueError, OSError: With one line for the user.
  """
  stop = stopping.catch_stop_signals()
  threads.use_cores(sparing=True)
  context = context_lib.build(flags)
  evaluator = Evaluator(context, flags.replay_address, stop_requested=stop)
  try:
    return evaluator.run()
  except stopping.Stopped:
    return 'evaluator: stopped'
  finally:
    evaluator.close()


class Evaluator:
  """Looks at the learner's weights now and then.

  What was measured stands in `metrics.jsonl`, which tells a later process
  where to go on.
  """

  def __init__(
    self,
    context: context_lib.Context,
    replay_address: str,
    *,
    stop_requested: Callable[[], bool] = lambda: False,
  ):
    """Joins the parts; nothing runs yet.

    Args:
      context: Of the role.
      replay_address: `host:port`.
      stop_requested: Asked all the time.
    """
    self._context, self._stop_requested = context, stop_requested
    self._train, self._agent = context.train, context.agent
    self._connection = connection_lib.Connection(
      replay_address,
      role='evaluator',
      limit_s=context.roles.wait_limit_s,
      check=stopping.raiser(stop_requested),
    )
    self._board = board_lib.BoardReader(
      self._connection, every_s=context.roles.pull_every_s
    )
    self._weights = weights.Subscriber(
      self._connection, weights.ACTING, self._agent.acting_variables
    )
    self._store = checkpoints.CheckpointStore(
      context.folder.checkpoints, self._agent, config=context.checkpoints
    )
    self._log = metrics.MetricsLog(context.folder.metrics)
    self._report = reports.Report(context.folder.path, 'evaluator')
    self._env = None if self._train.offline else self._make_env()
    self._policies = {
      kind: evaluation.as_function(policy)
      for kind, policy in self._agent.policies.items()
    }
    self._pretrained, self._next = self._read_log()
    self._measured = 0
    self._heard_at = time.monotonic()

  def _make_env(self) -> vector_env.VectorEnv:
    first = seeds.first_environment_seed(seeds.EVALUATION, self._context.seed)
    return vector_env.VectorEnv(
      [envs.make(seed=first + i) for i in range(self._train.num_envs)]
    )

  def _read_log(self) -> tuple[bool, int]:
    """Returns whether pre-training was evaluated, and when practice is next."""
    pretrained, episodes = False, 0
    path = self._context.folder.metrics
    if os.path.exists(path):
      with open(path, encoding='utf-8') as file:
        for record in metrics.records(file):
          pretrained |= record.get('phase') == 'pretrain'
          if record.get('phase') in ('practice', 'end'):
            episodes = max(episodes, record.get('episodes', 0))
    return pretrained, self._after(episodes)

  def _after(self, episodes: int) -> int:
    every = self._train.eval_every
    return (episodes // every + 1) * every

  def run(self) -> str:
    """Evaluates as training goes on, to its end."""
    while not self._stop_requested():
      if final := self._finished_checkpoint():
        return self._finish(final)
      if not self._look():
        time.sleep(_IDLE_S)
      self._report.update('evaluations', self._measured)
    raise stopping.Stopped

  def _finished_checkpoint(self) -> str | None:
    """Returns the learner's last checkpoint, if it is done."""
    latest = checkpoints.latest(self._context.folder.checkpoints, replay=False)
    if latest is None:
      return None
    state = checkpoints.read_state(latest)
    enough = state.get('practised', 0) >= self._train.practice_episodes
    return latest if state.get('finished') and enough else None

  def _look(self) -> bool:
    """Evaluates what the learner published, if it is time."""
    try:
      self._weights.pull(limit_s=10.0)
      counters = self._board.read(limit_s=2.0)
    except TimeoutError:
      if time.monotonic() - self._heard_at > self._context.roles.wait_limit_s:
        raise
      return False  # It may be starting again.
    self._heard_at = time.monotonic()
    if self._train.offline or self._step < self._train.pretrain_steps:
      return False
    if not self._pretrained:
      rates = self._evaluate('pretrain', counters)
      print(f'after pre-training: {phases.describe(rates)}', flush=True)
      self._pretrained = True
      return True
    if self._next <= counters['episodes'] < self._train.practice_episodes:
      rates = self._evaluate('practice', counters)
      print(
        f'after {counters["episodes"]} episodes of practice: '
        f'{phases.describe(rates)}',
        flush=True,
      )
      self._next = self._after(counters['episodes'])
      return True
    return False

  @property
  def _step(self) -> int:
    return int(self._agent.train_step_counter.numpy())

  def _evaluate(
    self, phase: str, counters: dict[str, Any]
  ) -> dict[str, statistics.SuccessRate]:
    train = self._train
    episodes = train.final_eval_episodes
    if phase == 'practice':
      episodes = train.eval_episodes
    rates = {}
    if self._env is not None:
      measure = evaluation.Evaluator(
        self._env,
        seed=seeds.first_environment_seed(seeds.EVALUATION, self._context.seed),
        success_threshold=train.success_threshold,
        stop_requested=self._stop_requested,
      )
      # Others may practise by now, but not these weights.
      practised = 0 if phase == 'pretrain' else counters['episodes']
      rates = {
        kind: measure.evaluate(self._policies[kind], episodes)
        for kind in evaluation.kinds(
          self._policies, self._agent.headline, train, practised
        )
      }
    self._measured += 1
    self._log.append(
      {
        'phase': phase,
        'time': round(time.time(), 1),
        'learner_step': self._step,
        'episodes': counters['episodes'],
        'steps': counters['steps'],
        'success': {kind: rate.as_record() for kind, rate in rates.items()},
      }
    )
    return rates

  def _finish(self, final: str) -> str:
    """Evaluates the last checkpoint, and exports its policies."""
    state = self._store.restore_agent(final)
    practised = state['practised']
    rates = self._evaluate(
      'end', {'episodes': practised, 'steps': state['practised_steps']}
    )
    self._report.update('evaluations', self._measured, last=True)
    if rates:
      print(f'after practice: {phases.describe(rates)}', flush=True)
    exported = export_lib.export(
      self._agent,
      self._context.folder.policies,
      train_step=self._step,
      config=self._context.folder.config(),
      success={kind: rate.as_record() for kind, rate in rates.items()},
      overwrite=True,
    )
    if not rates:
      return (
        f'learnt: {self._step} learner steps on demonstrations, tried in no '
        f'environment; policy in {exported}'
      )
    best = phases.headline_rate(rates, self._agent.headline)
    return (
      f'learnt: success {best} of {best.episodes} after {practised} episodes '
      f'of practice; policy in {exported}'
    )

  def close(self) -> None:
    """Ends the environments."""
    if self._env is not None:
      self._env.close()
