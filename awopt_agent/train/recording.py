"""A run of `awopt-demos record`: somebody acts, and fills a data set."""

import contextlib
import os
import sys

from awopt_agent import envs
from awopt_agent.demos import recorder, recording_writer, schema
from awopt_agent.train import acting, config

__all__ = ['record']

# More than the attempts of which one is kept: an appended recording must not
# begin with the episodes of the one before.
_ATTEMPTS_PER_EPISODE = 1000


def record(flags) -> str:
  """Records an expert, a policy, or chance.

  Args:
    flags: Of `awopt-demos record`.

  Returns:
    The line that says what was recorded.

  Raises:
    ValueError, OSError: With one line for the user.
  """
  acting.check_flags(flags)
  before = recording_writer.count_before(flags.out, append=flags.append)
  make_actor, asked = acting.choose_actor(flags)
  asked.update(acting.given(flags, acting.ENVIRONMENT))
  task = flags.task or acting.configured_task()
  with contextlib.closing(envs.make(task, seed=flags.seed, **asked)) as env:
    env.set_state(
      {
        'seed': flags.seed,
        'episodes_begun': _ATTEMPTS_PER_EPISODE * before,
      }
    )
    recording = recorder.Recorder(
      env,
      make_actor(env, before),
      keep_failures=flags.all,
      success_threshold=config.bound(
        'TrainConfig.success_threshold', schema.DEFAULT_SUCCESS_THRESHOLD
      ),
    )
    path = _write(flags, env, recording)
  return f'{path}: {recording.counts}'


def _write(flags, env, recording: recorder.Recorder) -> str:
  episodes = recording.record(flags.episodes)
  try:
    return recording_writer.record_episodes(
      recorder.show_progress(episodes, flags.episodes),
      flags.out,
      time_step_spec=env.time_step_spec(),
      action_spec=env.action_spec(),
      append=flags.append,
    )
  except (KeyboardInterrupt, SystemExit):
    # What was complete has been written.
    if os.path.isdir(flags.out):
      count = recording_writer.count_before(flags.out, append=True)
      print(f'{flags.out}: stopped, holds {count} episodes', file=sys.stderr)
    raise
