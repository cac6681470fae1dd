"""Small specs, networks with closed forms, and episodes made by hand."""

import dataclasses
import functools

import numpy as np
import tensorflow as tf
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step as ts
from tf_agents.trajectories import trajectory as trajectory_lib

from awopt_agent import agent as agent_lib
from awopt_agent import structs
from awopt_agent.learning import action_distribution, cem, networks
from awopt_agent.policies import base

OBSERVATION_SPEC = {
  'x': tensor_spec.BoundedTensorSpec([1], tf.float32, -1.0, 1.0, 'x'),
}
TIME_STEP_SPEC = ts.time_step_spec(OBSERVATION_SPEC)
MOVE_SPEC = tensor_spec.BoundedTensorSpec([1], tf.float32, -1.0, 1.0, 'move')
GRIP_SPEC = tensor_spec.BoundedTensorSpec([], tf.int32, 0, 1, 'grip')
# One number, or a number and a switch: vectors [move] and [move, off, on].
MOVE_ONLY = {'move': MOVE_SPEC}
ACTION_SPEC = {'grip': GRIP_SPEC, 'move': MOVE_SPEC}

SMALL_CEM = cem.CemConfig(samples=16, elites=4, rounds=2)
# So wide that round one is sure to clip some candidates to -1 and to 1: the
# maximum of a linear score is then found exactly.
CORNER_CEM = cem.CemConfig(samples=32, elites=4, rounds=2, initial_std=10.0)

# A critic whose losses and targets are easily computed by hand.
PLAIN = agent_lib.CriticConfig(loss='squared_error', gamma=0.9)


def plain(**changes):
  """Returns `PLAIN` with changes."""
  return dataclasses.replace(PLAIN, **changes)


class LinearCritic(networks.Critic):
  """Scores `bias + slope * move + x_slope * x`; move is the first entry.

  Its maximum over moves in [-1, 1] is `bias + |slope| + x_slope * x`.
  """

  def __init__(self, *, bias=0.0, slope=0.0, x_slope=0.0, name='critic'):
    super().__init__(name=name)
    self.bias = tf.Variable(bias)
    self.slope = tf.Variable(slope)
    self.x_slope = tf.Variable(x_slope)

  def set(self, *, bias=0.0, slope=0.0, x_slope=0.0):
    self.bias.assign(bias)
    self.slope.assign(slope)
    self.x_slope.assign(x_slope)

  def numbers(self):
    """Returns bias, slope and x_slope."""
    return [v.numpy() for v in (self.bias, self.slope, self.x_slope)]

  def encode(self, observation):
    return observation['x']

  def score(self, features, actions):
    return self.bias + self.slope * actions[..., 0] + self.x_slope * features


class ProductCritic(networks.Critic):
  """Scores x * move, and .5 for a closed grip; counts its encodings."""

  def __init__(self):
    super().__init__(name='product')
    self.encoded = 0

  def encode(self, observation):
    self.encoded += 1
    return observation['x']

  def score(self, features, actions):
    return features * actions[..., 0] + 0.5 * actions[..., 2]


class PointActor(networks.Actor):
  """The same Gaussian and the same categoricals at every observation."""

  def __init__(self, sizes, *, mean=0.0, std=0.5, name='actor'):
    super().__init__(name=name)
    continuous, discrete = sizes
    self.mean = tf.Variable(tf.fill([continuous], mean))
    self.std = std
    self.logits = [tf.Variable(tf.zeros([size])) for size in discrete]

  def encode(self, observation):
    return observation['x']

  def distribution(self, features):
    rows = tf.shape(features)[0]
    mean = tf.tile(self.mean[tf.newaxis], [rows, 1])
    return action_distribution.ActionDistribution(
      action_distribution.Gaussian(mean, tf.ones_like(mean) * self.std),
      [tf.tile(logits[tf.newaxis], [rows, 1]) for logits in self.logits],
    )


def small_networks(layers=(16, 16)):
  """Returns the networks of an agent that really learns, as its arguments."""
  return {
    'critic_network': functools.partial(networks.MlpCritic, layers=layers),
    'actor_network': functools.partial(networks.MlpActor, layers=layers),
  }


def make_agent(action_spec=None, **kwargs):
  """Returns an agent with small networks and a small search."""
  return agent_lib.AwOptAgent(
    TIME_STEP_SPEC,
    ACTION_SPEC if action_spec is None else action_spec,
    **{
      'target_cem': SMALL_CEM,
      'policy_cem': SMALL_CEM,
      **small_networks(),
      **kwargs,
    },
  )


class ByHand:
  """An agent on linear critics and a point actor, all within reach.

  Attributes:
    agent: The agent; its only action is `move`.
    critic, target, lagged: `LinearCritic`.
    actor: `PointActor`.
  """

  def __init__(self, *, actor_std=0.5, actor_mean=0.0, **kwargs):
    critics = {}

    def make_critic(observation_spec, action_size, *, seed, name):
      del observation_spec, action_size, seed
      critics[name] = LinearCritic(name=name)
      return critics[name]

    def make_actor(observation_spec, continuous_size, discrete_sizes, *, seed):
      del observation_spec, seed
      self.actor = PointActor(
        (continuous_size, discrete_sizes), mean=actor_mean, std=actor_std
      )
      return self.actor

    self.agent = agent_lib.AwOptAgent(
      TIME_STEP_SPEC,
      MOVE_ONLY,
      **{
        'critic': PLAIN,
        'critic_network': make_critic,
        'actor_network': make_actor,
        'target_cem': CORNER_CEM,
        'policy_cem': CORNER_CEM,
        **kwargs,
      },
    )
    self.critic = critics['critic']
    self.target = critics['target_critic']
    self.lagged = critics['lagged_critic']


def make_experience(
  *,
  move,
  reward,
  discount=1.0,
  x=0.0,
  grip=None,
  success=False,
  step=0,
  length=10,
  episode_id=1,
):
  """Returns a batch `[B, n + 1]`; scalars are repeated.

  Args:
    move: `[B, n + 1]`.
    reward: `[B, n + 1]`.
    discount: `[B, n + 1]`, the environment's.
    x: `[B, n + 1]`, the observation.
    grip: `[B, n + 1]`, or None for an action that has only `move`.
    success: bool `[B, 1]`.
    step: `[B, n + 1]`; a scalar is the first step's.
    length: `[B, n + 1]`.
    episode_id: `[B, n + 1]`.
  """
  move = np.asarray(move, np.float32)

  def full(value, dtype):
    return np.broadcast_to(value, move.shape).astype(dtype)

  if np.ndim(step) == 0:
    step = step + np.arange(move.shape[1])
  action = {'move': move[..., np.newaxis]}
  if grip is not None:
    action['grip'] = full(grip, np.int32)
  trajectory = trajectory_lib.Trajectory(
    step_type=full(ts.StepType.MID, np.int32),
    observation={'x': full(x, np.float32)[..., np.newaxis]},
    action=action,
    policy_info=base.PolicyInfo(full(0, np.int32), full(0, np.int64)),
    next_step_type=full(ts.StepType.MID, np.int32),
    reward=full(reward, np.float32),
    discount=full(discount, np.float32),
  )
  label = structs.EpisodeLabel(
    success=full(success, bool),
    episode_id=full(episode_id, np.int64),
    step=full(step, np.int32),
    length=full(length, np.int32),
    source=full(0, np.int32),
    policy_step=full(0, np.int64),
  )
  return tf.nest.map_structure(
    tf.constant, structs.Experience(trajectory, label)
  )


def random_experience(batch_size=8, *, n_step=1, seed=0, success=None):
  """Returns a batch for `ACTION_SPEC` with values at random."""
  rng = np.random.default_rng(seed)
  shape = (batch_size, n_step + 1)
  if success is None:
    success = rng.random((batch_size, 1)) < 0.5
  return make_experience(
    move=rng.uniform(-1, 1, shape),
    grip=rng.integers(0, 2, shape),
    x=rng.uniform(-1, 1, shape),
    reward=rng.random(shape) < 0.3,
    discount=rng.random(shape) < 0.8,
    success=success,
  )


def make_episode(length, *, episode_id=1, success=True, source=0, x=None):
  """Returns a labelled episode `[T + 1, ...]` for `ACTION_SPEC`, in NumPy.

  Its observation counts its steps: x is `episode_id + step / 100`, unless
  given.
  """
  rows = length + 1
  step_type = np.full(rows, ts.StepType.MID, np.int32)
  step_type[0], step_type[-1] = ts.StepType.FIRST, ts.StepType.LAST
  reward = np.zeros(rows, np.float32)
  reward[-2] = success
  discount = np.ones(rows, np.float32)
  discount[-2] = 0
  steps = np.arange(rows)
  places = episode_id + steps / 100 if x is None else np.full(rows, x)
  return structs.Experience(
    trajectory_lib.Trajectory(
      step_type=step_type,
      observation={'x': places.astype(np.float32)[:, np.newaxis]},
      action={
        'grip': (steps % 2).astype(np.int32),
        'move': np.zeros((rows, 1), np.float32),
      },
      policy_info=base.PolicyInfo(
        np.full(rows, source, np.int32), np.zeros(rows, np.int64)
      ),
      next_step_type=np.append(step_type[1:], ts.StepType.FIRST).astype(
        np.int32
      ),
      reward=reward,
      discount=discount,
    ),
    structs.EpisodeLabel(
      success=np.full(rows, success),
      episode_id=np.full(rows, episode_id, np.int64),
      step=steps.astype(np.int32),
      length=np.full(rows, length, np.int32),
      source=np.full(rows, source, np.int32),
      policy_step=np.zeros(rows, np.int64),
    ),
  )


def time_steps(x, *, first=False):
  """Returns a batch of time steps at the observations `x` `[B]`."""
  x = tf.constant(x, tf.float32)[:, tf.newaxis]
  batch = len(x)
  step = ts.transition({'x': x}, tf.zeros([batch]))
  kind = ts.StepType.FIRST if first else ts.StepType.MID
  return step._replace(step_type=tf.fill([batch], kind))


def step_spec():
  """Returns the specs of one step of `make_episode`."""
  return tf.nest.map_structure(
    lambda column: tf.TensorSpec(column.shape[1:], column.dtype),
    make_episode(1),
  )


def values_of(variables):
  """Returns variables as arrays."""
  return [variable.numpy() for variable in variables]


def assert_equal(left, right):
  """Compares two lists of arrays, bit by bit."""
  for one, two in zip(left, right, strict=True):
    np.testing.assert_array_equal(one, two)
