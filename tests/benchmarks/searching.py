"""CEM beside TF-Agents' `CEMPolicy`, on the small network at 64 pixels."""

import statistics
import sys
import time
import types
from collections.abc import Callable, Iterator

import tensorflow as tf
from tf_agents.networks import network
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step as ts

from awopt_agent.learning import cem, networks
from awopt_agent.policies import cem_policy
from tests.benchmarks import environments

_REPEATS = 7
_CONFIG = cem.CemConfig(samples=64, elites=6, rounds=2)
_OBSERVATION = {
  'image': tensor_spec.BoundedTensorSpec([64, 64, 3], tf.uint8, 0, 255),
  'gripper': tensor_spec.BoundedTensorSpec([2], tf.float32, 0.0, 1.0),
}
_ACTION = tensor_spec.BoundedTensorSpec([7], tf.float32, -1.0, 1.0)


def measure() -> Iterator[environments.Row]:
  """Measures in turns; medians."""
  critic = networks.SmallCritic(_OBSERVATION, 7)
  time_step_spec = ts.time_step_spec(_OBSERVATION)
  ours = cem_policy.CemPolicy(
    time_step_spec, _ACTION, critic=critic, config=_CONFIG
  )
  half = cem_policy.CemPolicy(
    time_step_spec,
    _ACTION,
    critic=critic,
    config=cem.CemConfig(samples=64, elites=6, rounds=2, dtype='bfloat16'),
  )
  theirs = _theirs(time_step_spec, critic)
  for batch in (1, 32):
    step = ts.restart(
      tensor_spec.sample_spec_nest(_OBSERVATION, outer_dims=[batch], seed=0),
      batch_size=batch,
    )
    contestants = {
      'TF-Agents CEMPolicy': lambda step=step: theirs.action(step).action,
      'CemPolicy': lambda step=step: ours.action(step).action,
      'CemPolicy, bfloat16': lambda step=step: half.action(step).action,
      'one encode': lambda step=step: critic.encode(step.observation),
    }
    seconds = in_turns(contestants, calls=40 if batch == 1 else 5)
    names = {name: f'{name}: batch {batch}, 64 px' for name in contestants}
    for name, value in seconds.items():
      beside = {
        'CemPolicy': 'TF-Agents CEMPolicy',
        'CemPolicy, bfloat16': 'CemPolicy',
        'one encode': 'CemPolicy',
      }.get(name)
      yield names[name], 1e3 * value, 'ms', beside and names[beside]


def in_turns(
  contestants: dict[str, Callable[[], object]], calls: int
) -> dict[str, float]:
  """Returns the median seconds of a call of each, measured side by side."""
  run = {
    name: tf.function(body, autograph=False)
    for name, body in contestants.items()
  }
  found: dict[str, list[float]] = {name: [] for name in run}
  for body in run.values():
    body()
  for _ in range(_REPEATS):
    for name, body in run.items():
      start = time.perf_counter()
      for _ in range(calls):
        body()
      found[name].append((time.perf_counter() - start) / calls)
  return {name: statistics.median(times) for name, times in found.items()}


def _theirs(time_step_spec, critic: networks.SmallCritic):
  policies = _import_theirs()
  return policies.CEMPolicy(
    time_step_spec,
    _ACTION,
    q_network=_QNetwork(critic),
    sampler=_GaussianSampler(),
    init_mean=[0.0] * 7,
    init_var=[1.0] * 7,
    num_samples=_CONFIG.samples,
    num_elites=_CONFIG.elites,
    num_iterations=_CONFIG.rounds,
  )


def _import_theirs():
  """Returns TF-Agents' module; its wheel lacks the package of samplers."""
  package = types.ModuleType('tf_agents.policies.samplers')
  module = types.ModuleType('qtopt_cem_actions_sampler')
  vars(module)['ActionsSampler'] = object
  vars(package)['qtopt_cem_actions_sampler'] = module
  sys.modules[package.__name__] = package
  from tf_agents.policies import qtopt_cem_policy

  return qtopt_cem_policy


class _GaussianSampler:
  """What their policy asks for its actions."""

  def sample_batch_and_clip(self, count, mean, variance, observation):
    del observation
    noise = tf.random.normal([tf.shape(mean)[0], count, mean.shape[-1]])
    std = tf.sqrt(variance)[:, tf.newaxis]
    self._sampled = tf.clip_by_value(mean[:, tf.newaxis] + std * noise, -1, 1)
    return self._sampled

  def refit_distribution_to(self, indices, actions):
    elites = tf.gather(actions, indices, batch_dims=1)
    return tf.nn.moments(elites, axes=[1])


class _QNetwork(network.Network):
  """The same critic as their policy calls one."""

  def __init__(self, critic: networks.SmallCritic):
    super().__init__(
      input_tensor_spec=(_OBSERVATION, _ACTION), name='q_network'
    )
    self._critic = critic

  def call(self, inputs, step_type=None, network_state=(), training=False):
    observation, action = inputs
    features = self._critic.encode(observation)
    return self._critic.score(features, action[:, tf.newaxis])[:, 0], ()
