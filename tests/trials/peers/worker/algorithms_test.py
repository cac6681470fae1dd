import pytest

from tests.trials.peers import fakes

pytestmark = fakes.needs_d3rlpy

_CODE = """
import json
import algorithms, d3rlpy, replay
import numpy as np

d3rlpy.seed(0)
rng = np.random.default_rng(0)
held = replay.Replay(2, 2, n_step=1, gamma=0.9, demonstration_fraction=None)
for _ in range(20):
  held.add(
    rng.uniform(-1, 1, (5, 2)), rng.uniform(-1, 1, (5, 2)), np.zeros(5),
    terminal=True, demonstration=True,
  )

def make(peer, decay=0.0, **settings):
  return algorithms.make(
    peer, 2, 2, layers=(16, 8), weight_decay={'actor': decay, 'critic': 0.0},
    settings={'gamma': 0.9, 'batch_size': 32, **settings},
  )

def value(**settings):
  awac = make('awac', critic_learning_rate=3e-3, **settings)
  for _ in range(200):
    awac.update(held.sample(32))
  batch = held.sample(32)
  values = awac.predict_value(batch.observations, batch.actions)
  return float(np.abs(values).max())

def widths(peer):
  modules = make(peer).impl.modules
  networks = [modules.policy, *modules.q_funcs]
  if hasattr(modules, 'value_func'):
    networks.append(modules.value_func)
  layers = [
    [layer for layer in network.modules() if hasattr(layer, 'out_features')]
    for network in networks
  ]
  return [[layer.out_features for layer in row[:2]] for row in layers]

def optimizers(decay):
  modules = make('iql', decay).impl.modules
  found = modules.actor_optim.optim, modules.critic_optim.optim
  return [type(optimizer).__name__ for optimizer in found]

print(json.dumps({
  'no_entropy': value(entropy_temperature=1e-20),
  'entropy': value(),
  'widths': {p: widths(p) for p in ('awac', 'iql', 'cal_ql')},
  'optimizers': [optimizers(0.0), optimizers(0.5)],
  'expectile': make('iql', expectile=0.9).config.expectile,
}))
"""


@pytest.fixture(name='found', scope='module')
def _found():
  return fakes.run_with_d3rlpy(_CODE)


def test_awac_values_are_of_rewards_alone(found):
  # All rewards are 0, and so must be the values; with d3rlpy's own target they
  # are those of the policy's entropy.
  assert found['no_entropy'] < 0.1
  assert found['entropy'] > 1


def test_every_network_has_the_layers(found):
  assert found['widths'] == {
    'awac': 3 * [[16, 8]],  # The policy and two critics.
    'iql': 4 * [[16, 8]],  # And a value.
    'cal_ql': 3 * [[16, 8]],
  }


def test_weight_decay_is_adamws(found):
  assert found['optimizers'] == [['Adam', 'Adam'], ['AdamW', 'Adam']]


def test_settings_arrive(found):
  assert found['expectile'] == 0.9
