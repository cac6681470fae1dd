"""Builds the parts of a run from the configuration in force."""

import functools
from typing import Any

import gin
import numpy as np
from tf_agents.environments import py_environment
from tf_agents.specs import tensor_spec

from awopt_agent import agent as agent_lib
from awopt_agent import envs
from awopt_agent.envs import vector_env
from awopt_agent.train import seeds

__all__ = ['make_agent', 'make_vector_env']


def make_vector_env(
  count: int, seed: int, *, processes: int = 1
) -> vector_env.ProcessEnv:
  """Makes a batch of the configured environment, in processes of their own.

  Args:
    count: Number of environments.
    seed: Of the first; each of the others has the next one.
    processes: Over which the environments are spread.

  Raises:
    ValueError: If the task is not configured or unknown, or there are more
      processes than environments.
  """
  if processes > count:
    raise ValueError(
      f'TrainConfig.num_parallel_environments = {processes} processes have '
      f'only {count} environments; raise TrainConfig.num_envs.'
    )
  # Built here once: errors then come from this process, and the operative
  # configuration knows the environment's bindings.
  envs.make(seed=seed).close()
  bindings = gin.config_str(max_line_length=10_000)
  first = seeds.first_environment_seed(seeds.PRACTICE, seed)
  parts = np.array_split(first + np.arange(count), processes)
  return vector_env.ProcessEnv(
    *(
      functools.partial(_make_configured, bindings, part.tolist())
      for part in parts
    )
  )


def _make_configured(
  bindings: str, env_seeds: list[int]
) -> vector_env.VectorEnv:
  # Runs in the new process, which has no configuration yet.
  gin.clear_config()
  gin.parse_config(bindings, skip_unknown=True)
  return vector_env.VectorEnv([envs.make(seed=seed) for seed in env_seeds])


def make_agent(
  env: py_environment.PyEnvironment, seed: int
) -> agent_lib.AwOptAgent:
  """Makes the configured agent for an environment's specs."""
  specs: Any = (env.time_step_spec(), env.action_spec())
  time_step_spec, action_spec = (tensor_spec.from_spec(spec) for spec in specs)
  return agent_lib.AwOptAgent(time_step_spec, action_spec, seed=seed)
