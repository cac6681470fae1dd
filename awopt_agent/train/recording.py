"""A run of `awopt-demos record`: a scripted expert fills a data set."""

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from awopt_agent import envs
from awopt_agent.demos import recorder, writer
from awopt_agent.envs import experts

__all__ = ['ENVIRONMENT', 'expert_config', 'given', 'record']

# Flags of what `envs.make` takes; those that are not given are its defaults.
ENVIRONMENT = ('robot', 'world', 'observation')


def expert_config(flags) -> experts.ExpertConfig:
  """Returns what --noise and --bias_m ask for; the rest is the default.

  Raises:
    ValueError: If one is negative.
  """
  return experts.ExpertConfig(**given(flags, ('noise', 'bias_m')))


def given(flags, names: Sequence[str]) -> dict[str, Any]:
  """Returns the flags of these names that the user gave."""
  values = {name: getattr(flags, name) for name in names}
  return {name: value for name, value in values.items() if value is not None}


def record(flags) -> str:
  """Records the expert of a task.

  Args:
    flags: Of `awopt-demos record`.

  Returns:
    The line that says what was recorded.

  Raises:
    ValueError, OSError: With one line for the user.
  """
  writer.check_target(flags.out)
  config = expert_config(flags)
  kind = given(flags, ENVIRONMENT)
  with contextlib.closing(
    envs.make(flags.task, seed=flags.seed, **kind)
  ) as env:
    expert = experts.make_expert(env, config, np.random.default_rng(flags.seed))
    recording = recorder.Recorder(env, expert, keep_failures=flags.all)
    path = writer.write_episodes(
      recorder.show_progress(recording.record(flags.episodes), flags.episodes),
      flags.out,
      time_step_spec=env.time_step_spec(),
      action_spec=env.action_spec(),
    )
  return f'{path}: {recording.counts}'
