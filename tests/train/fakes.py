"""What trains and is saved in tests, on the task of `tests.envs.fakes`."""

import os

import gin
import numpy as np

from awopt_agent import envs, structs
from awopt_agent.experience import tables
from awopt_agent.serving import export
from awopt_agent.train import (
  builders,
  checkpoints,
  config,
  run_folder,
  train_config,
)
from tests import fakes
from tests.envs import fakes as env_fakes


def succeed_in_even_episodes(step):
  """A policy, in the form that `Evaluator` takes."""
  even = np.where(env_fakes.episode_of(step) % 2 == 0, 1.0, -1.0)
  return {'move': even[:, np.newaxis].astype(np.float32)}


def make_demonstration(move=0.5):
  """Returns an episode of two steps that succeeded."""
  return structs.Episode(
    observation={'x': np.zeros((3, 1), np.float32)},
    action={'move': np.full((3, 1), move, np.float32)},
    reward=np.array([0, 1, 0], np.float32),
    discount=np.array([1, 0, 1], np.float32),
    is_terminal=True,
    success=True,
  )


def make_agent(**kwargs):
  """Returns a small agent for `EvenEnv`."""
  return fakes.make_agent(
    fakes.MOVE_ONLY, **{**fakes.small_networks((8,)), **kwargs}
  )


def state_of(agent):
  """Returns every number that learning depends on, by name.

  A `tf.Module` does not list the variables of Keras optimisers.
  """
  groups = {
    'networks': agent.variables,
    'critic_optimizer': agent.critic_learner.optimizer.variables,
    'actor_optimizer': agent.actor_learner.optimizer.variables,
    'chance': [agent._training_rng.state, agent._practice_rng.state],
    'step': [agent.train_step_counter],
  }
  return {
    f'{group}/{index}': variable.numpy()
    for group, variables in groups.items()
    for index, variable in enumerate(variables)
  }


def assert_same_state(left, right):
  """Compares two results of `state_of`, bit for bit."""
  assert left.keys() == right.keys()
  for name, value in left.items():
    np.testing.assert_array_equal(value, right[name], name)


class FakeReplay:
  """Stands where `CheckpointStore` saves a replay."""

  def __init__(self, content='items'):
    self.content = content

  def save(self, folder):
    os.makedirs(folder)
    with open(os.path.join(folder, 'DONE'), 'w', encoding='utf-8') as file:
      file.write(self.content)


TINY_GIN = """
include 'base/state.gin'
include 'task/green_bowl.gin'
include 'variant/awopt.gin'
MlpCritic.layers = (16,)
MlpActor.layers = (16,)
policy/CemConfig.samples = 8
policy/CemConfig.elites = 4
target/CemConfig.samples = 8
TrainConfig.split = 'train[:4]'
TrainConfig.pretrain_steps = 20
TrainConfig.practice_episodes = 24
TrainConfig.replay_ratio = 0.5
TrainConfig.batch_size = 16
TrainConfig.num_envs = 4
TrainConfig.round_steps = 32
TrainConfig.eval_every = 12
TrainConfig.eval_episodes = 4
TrainConfig.final_eval_episodes = 8
TrainConfig.checkpoint_every = 20
"""


def make_run(root, *, step=30, seed=2):
  """Writes what a run of the grasping task leaves, without training.

  Returns:
    The agent.
  """
  config.load([], [TINY_GIN])
  train_config.TrainConfig()
  tables.ReplayConfig()
  folder = run_folder.RunFolder(str(root))
  folder.check_disk()
  with envs.make(seed=seed) as env:
    agent = builders.make_agent(env, seed)
  agent.train_step_counter.assign(step)
  folder.claim(config.operative(), seed)
  state = {'practised_episodes': 0, 'pretrained': True}
  store = checkpoints.CheckpointStore(folder.checkpoints, agent)
  store.save(step, FakeReplay(), state)
  export.export(agent, folder.policies, train_step=step, config=folder.config())
  gin.clear_config()
  return agent


@gin.configurable
def knob(size=1, *, label='a'):
  """Something to bind."""
  return size, label
