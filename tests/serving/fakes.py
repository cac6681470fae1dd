"""Agents with small networks, and observations for them."""

import functools
import os

import numpy as np
import tensorflow as tf
from tf_agents.policies import tf_policy
from tf_agents.specs import array_spec, tensor_spec
from tf_agents.trajectories import policy_step
from tf_agents.trajectories import time_step as ts

from awopt_agent import agent as agent_lib
from awopt_agent.learning import cem, networks

_spec = tensor_spec.BoundedTensorSpec
DICT_OBSERVATION = {
  'gripper': _spec([6], tf.float32, -1.0, 1.0),
  'objects': _spec([2, 6], tf.float32, -0.5, 0.5),
  'steps_left': _spec([1], tf.float32, 0.0, 1.0),
}
DICT_ACTION = {
  'move': _spec([3], tf.float32, -1.0, 1.0),
  'turn': _spec([1], tf.float32, -2.0, 4.0),
  'close': _spec([], tf.int32, 0, 1),
}
NESTED_OBSERVATION = {
  'arm': {'pose': _spec([3], tf.float32, -1.0, 1.0)},
  'cup': (_spec([2], tf.float32, -1.0, 1.0), tf.TensorSpec([1], tf.float32)),
}
NESTED_ACTION = {
  'arm': {'move': _spec([2], tf.float32, -1.0, 1.0)},
  'fingers': (_spec([], tf.int64, 1, 3), _spec([1], tf.float32, 0.0, 1.0)),
}
IMAGE_OBSERVATION = {
  'image': _spec([12, 10, 3], tf.uint8, 0, 255),
  'pose': _spec([3], tf.float32, -1.0, 1.0),
}
KINDS = ('actor', 'cem', 'cem_with_candidate')
BARE_OBSERVATION = _spec([4], tf.float32, -1.0, 1.0)
BARE_ACTION = _spec([2], tf.float32, -3.0, 3.0)


def make_agent(observation_spec, action_spec, seed=0, **kwargs):
  """Returns an agent whose weights are at random, and tell actions apart."""
  agent = agent_lib.AwOptAgent(
    ts.time_step_spec(observation_spec),
    action_spec,
    **{
      'critic_network': functools.partial(networks.MlpCritic, layers=(32, 32)),
      'actor_network': functools.partial(networks.MlpActor, layers=(32, 32)),
      'policy_cem': cem.CemConfig(samples=2, elites=1),
      'seed': seed,
      **kwargs,
    },
  )
  rng = np.random.default_rng(seed)
  # Not `policy.variables()`, which come in another order in each process.
  both = agent.critic_learner.critic, agent.actor_learner.actor
  for variable in (v for network in both for v in network.variables):
    # Greater weights would drive all values to 0 or 1.
    variable.assign(rng.normal(scale=0.3, size=variable.shape))
  return agent


def make_image_agent(**kwargs):
  """Returns an agent that looks at `IMAGE_OBSERVATION`."""
  small = {'convolutions': ((3, 2, 4),), 'layers': (16,)}
  return make_agent(
    IMAGE_OBSERVATION,
    DICT_ACTION,
    critic_network=functools.partial(networks.SmallCritic, **small),
    actor_network=functools.partial(networks.SmallActor, **small),
    **kwargs,
  )


class LinearPolicy(tf_policy.TFPolicy):
  """Multiplies what it sees, four numbers, by a matrix."""

  def __init__(self, time_step_spec, action_spec):
    super().__init__(time_step_spec, action_spec)
    self.matrix = tf.Variable(
      tf.random.stateless_normal([4, 2], seed=[0, 0]), name='matrix'
    )

  def _variables(self):
    return [self.matrix]

  def _see(self, observation):
    return observation

  def _action(self, time_step, policy_state=(), seed=None):
    action = 3 * tf.tanh(self._see(time_step.observation) @ self.matrix)
    return policy_step.PolicyStep(action, policy_state)

  def _distribution(self, time_step, policy_state):
    raise NotImplementedError


class PicturePolicy(LinearPolicy):
  """Sees a picture's mean colour, and a coordinate."""

  def _see(self, observation):
    colour = tf.reduce_mean(tf.cast(observation['image'], tf.float32), [1, 2])
    return tf.concat([colour / 255, observation['pose'][:, :1]], axis=1)


class LinearAgent:
  """What `export` needs of an agent, and quick to export."""

  def __init__(self, policy=LinearPolicy, observation=BARE_OBSERVATION):
    self.time_step_spec = ts.time_step_spec(observation)
    self.action_spec = BARE_ACTION
    policy = policy(self.time_step_spec, BARE_ACTION)
    self.policies = {'actor': policy, 'cem_with_candidate': policy}
    self.headline = 'cem_with_candidate'


def make_picture_agent():
  """Returns a quick agent that looks at `IMAGE_OBSERVATION`."""
  return LinearAgent(PicturePolicy, IMAGE_OBSERVATION)


def observe(spec, count, seed=1):
  """Returns `[count, ...]` observations inside the bounds."""
  rng = np.random.default_rng(seed)

  def draw(part):
    low, high = getattr(part, 'minimum', -1.0), getattr(part, 'maximum', 1.0)
    values = rng.uniform(low, high, (count, *part.shape))
    return values.astype(part.dtype.as_numpy_dtype)

  return tf.nest.map_structure(draw, spec)


def practise(policy, observation, step_type, state, seed):
  """Returns the steps of a collect policy, each row on its own."""
  steps = []
  for row in range(len(step_type)):
    one = tf.nest.map_structure(lambda x, i=row: x[i : i + 1], observation)
    step = ts.restart(one, batch_size=1)
    step = step._replace(step_type=tf.constant(step_type[row : row + 1]))
    now, _ = tf.unstack(
      tf.random.experimental.stateless_split(tf.constant(seed[row]), 2)
    )
    steps.append(
      policy.action(step, tf.constant(state[row : row + 1]), seed=now)
    )
  return tf.nest.map_structure(lambda *rows: np.concatenate(rows), *steps)


def draw_actions(spec, count, seed=2):
  """Returns `[count, ...]` actions inside the bounds."""
  # Not by `tensor_spec`: what it draws depends on the operations before it.
  return array_spec.sample_spec_nest(
    tensor_spec.to_nest_array_spec(spec),
    np.random.RandomState(seed),
    outer_dims=(count,),
  )


def act(agent, kind, observation):
  """Returns what the policy in memory does, as arrays."""
  count = len(tf.nest.flatten(observation)[0])
  step = ts.restart(
    tf.nest.map_structure(tf.constant, observation), batch_size=count
  )
  action = agent.policies[kind].action(step).action
  return tf.nest.map_structure(lambda x: x.numpy(), action)


def assert_same_actions(actual, expected):
  """Compares continuous parts to 1e-5, discrete ones exactly."""
  tf.nest.assert_same_structure(actual, expected)
  for one, two in zip(
    tf.nest.flatten(actual), tf.nest.flatten(expected), strict=True
  ):
    assert (one.dtype, one.shape) == (two.dtype, two.shape)
    tolerance = 1e-5 if one.dtype.kind == 'f' else 0
    np.testing.assert_allclose(one, two, rtol=0, atol=tolerance)


def contents(folder):
  """Returns the bytes of every file below a folder, by relative path."""
  found = {}
  for root, _, names in os.walk(folder):
    for name in names:
      path = os.path.join(root, name)
      with open(path, 'rb') as file:
        found[os.path.relpath(path, folder)] = file.read()
  return found
