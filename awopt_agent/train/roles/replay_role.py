"""The replay role: one Reverb server, through which all others are joined."""

import time
from collections.abc import Callable

from awopt_agent.experience import replay as replay_lib
from awopt_agent.experience.wire import board, inbox, targets, weights
from awopt_agent.train import checkpoints, run_folder, stopping, threads
from awopt_agent.train.roles import context as context_lib
from awopt_agent.train.roles import replay_service, reports

__all__ = ['run', 'wire_tables']

_TURN_S = 0.05
# After a stop, for a learner that was stopped too and saves through it.
_STAY_S = 60.0
_STAY_SAVING_S = 300.0
_LOOK_EVERY_S = 0.2


def wire_tables(context: context_lib.Context):
  """Returns the tables beside those of transitions."""
  agent = context.agent
  spec = agent.training_data_spec
  return [
    inbox.make_table(spec),
    *board.make_tables(),
    weights.make_table(weights.ACTING, agent.acting_variables),
    weights.make_table(
      weights.TARGET, [agent.train_step_counter, *agent.target_variables]
    ),
    targets.make_table(
      spec,
      batch_size=context.train.batch_size,
      max_batches=context.roles.max_labelled_batches,
    ),
  ]


# What the roles say of themselves; a saved one is out of date.
_OF_THE_MOMENT = (
  board.BOARD,
  board.REQUESTS,
  weights.ACTING,
  weights.TARGET,
  targets.LABELLED,
)


def run(flags) -> str:
  """Serves until a stop is asked for.

  Args:
    flags: Of `awopt-role replay`.

  Returns:
    The line that says what it holds.

  Raises:
    ValueError, OSError: With one line for the user.
  """
  stop = stopping.catch_stop_signals()
  threads.use_cores(sparing=True)
  context = context_lib.build(flags)
  latest = checkpoints.latest(context.folder.checkpoints)
  saved = checkpoints.replay_folder(latest) if latest else None
  counters = replay_service.read_counters(saved)
  replay = replay_lib.Replay(
    context.agent.training_data_spec,
    context.replay,
    steps_per_item=context.agent.train_sequence_length,
    scratch=context.folder.replay,
    restore_from=saved,
    port=flags.port,
    more_tables=wire_tables(context),
  )
  try:
    for table in _OF_THE_MOMENT:
      replay.client.reset(table)
    _say_where(replay, latest, counters)
    service = replay_service.ReplayService(
      replay,
      context.agent.training_data_spec,
      root_dir=context.folder.path,
      run=context.folder.identity(make=True),
      counters=counters,
    )
    report = reports.Report(context.folder.path, 'replay')
    _serve(service, report, stop)
    _see_off_learner(service, report, context.folder)
    service.close()
    return f'replay: stopped with {counters.episodes} episodes of practice'
  finally:
    replay.close()


def _say_where(replay: replay_lib.Replay, latest: str | None, counters) -> None:
  print(
    f'replay: port {replay.port}, {counters.demonstrations} demonstrations and '
    f'{counters.episodes} episodes of practice from {latest or "no checkpoint"}'
    f'\n{replay.exposure}',
    flush=True,
  )


def _serve(
  service: replay_service.ReplayService,
  report: reports.Report,
  stop: Callable[[], bool],
) -> None:
  while not stop():
    service.turn()
    counters = service.counters
    report.update(
      'episodes',
      counters.episodes,
      f'{counters.steps} steps, success '
      f'{counters.successes / max(counters.episodes, 1):.2f} in practice',
    )
    # To look into the tables takes as long as to take an episode in: rather
    # some at once. Senders wait for the queue, not for this.
    time.sleep(_TURN_S)


def _see_off_learner(
  service: replay_service.ReplayService,
  report: reports.Report,
  folder: run_folder.RunFolder,
) -> None:
  """Serves until no learner is at work, or for a while.

  When their launcher dies, all roles are told to stop at once.
  """
  began = time.monotonic()
  while folder.is_locked():
    limit_s = _STAY_SAVING_S if service.is_saving else _STAY_S
    if time.monotonic() - began > limit_s:
      print('replay: leaves, though the learner is at work', flush=True)
      return
    _serve(service, report, _is_over(time.monotonic() + _LOOK_EVERY_S))


def _is_over(end: float) -> Callable[[], bool]:
  return lambda: time.monotonic() > end
