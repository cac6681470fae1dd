"""What every role builds first, from the same gin files."""

import contextlib
from typing import Any, NamedTuple

import tensorflow as tf
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step as ts

from awopt_agent import agent as agent_lib
from awopt_agent import envs
from awopt_agent.demos import demonstrations as demonstrations_lib
from awopt_agent.experience import tables
from awopt_agent.train import (
  checkpoints,
  config,
  run_folder,
  train_config,
)
from awopt_agent.train.roles import config as roles_config

__all__ = ['Context', 'build', 'make_demonstrations']

# Those who write checkpoints.
_BEGIN = ('replay', 'learner')


class Context(NamedTuple):
  """A role's part of the run.

  Attributes:
    folder: Of the run.
    train: How the run trains.
    roles: How its roles work together.
    replay: Sizes of the tables.
    checkpoints: How many are kept.
    time_step_spec: Array specs of the environment.
    action_spec: Array specs of the environment.
    agent: With fresh weights.
    seed: Of the run.
  """

  folder: run_folder.RunFolder
  train: train_config.TrainConfig
  roles: roles_config.RolesConfig
  replay: tables.ReplayConfig
  checkpoints: checkpoints.CheckpointConfig
  time_step_spec: ts.TimeStep
  action_spec: Any
  agent: agent_lib.AwOptAgent
  seed: int


def build(
  flags, *, stream: int = 0, strategy: tf.distribute.Strategy | None = None
) -> Context:
  """Builds from the flags of a role.

  Args:
    flags: With role, gin_file, gin_bindings, root_dir and seed.
    stream: Of chance; roles that act or draw batches have one each.
    strategy: In whose scope the agent is made; None for one replica.

  Raises:
    ValueError, OSError: With one line for the user.
  """
  config.load(flags.gin_file, flags.gin_bindings)
  folder = run_folder.RunFolder(flags.root_dir)
  # Whoever begins a run needs room for it; whoever comes back to one waits for
  # room where it needs any.
  begins = flags.role in _BEGIN and not folder.has_run
  folder.check_disk(refuse_full=begins)
  train = train_config.TrainConfig()
  time_step_spec, action_spec = _specs(train, flags.seed)
  specs: Any = (time_step_spec, action_spec)
  # Weights come from the learner, but chance is each role's own.
  with strategy.scope() if strategy else contextlib.nullcontext():
    agent = agent_lib.AwOptAgent(
      *(tensor_spec.from_spec(spec) for spec in specs),
      seed=flags.seed + 7_000_003 * stream,
    )
  return Context(
    folder,
    train,
    roles_config.RolesConfig(),
    tables.ReplayConfig(),
    checkpoints.CheckpointConfig(),
    time_step_spec,
    action_spec,
    agent,
    flags.seed,
  )


def _specs(train: train_config.TrainConfig, seed: int) -> tuple[Any, Any]:
  if train.offline:
    return make_demonstrations(train).specs()
  env = envs.make(seed=seed)
  try:
    return env.time_step_spec(), env.action_spec()
  finally:
    env.close()


def make_demonstrations(
  train: train_config.TrainConfig,
) -> demonstrations_lib.DemonstrationReader:
  """Returns the reader of the run's demonstrations."""
  return demonstrations_lib.DemonstrationReader(
    train.sets,
    success_threshold=train.success_threshold,
    strict=train.strict_demonstrations,
  )
