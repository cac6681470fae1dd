import dataclasses
import inspect

import gin
import pytest

from awopt_agent import agent as agent_lib
from awopt_agent.learning import networks
from awopt_agent.train import config as config_lib
from awopt_agent.trials.peers import config as peer_config
from tests.trials.peers import fakes


@pytest.fixture(autouse=True)
def _clean():
  yield
  gin.clear_config()


def test_peers_have_what_awopt_has_by_default():
  config = peer_config.PeerConfig()
  actor = inspect.signature(networks.MlpActor).parameters
  assert config.gamma == agent_lib.CriticConfig().gamma
  assert config.layers == actor['layers'].default
  assert config.zooms == actor['zooms'].default


def test_peers_follow_what_a_trial_binds_for_awopt():
  config_lib.load([], ['CriticConfig.gamma = 0.9', 'MlpActor.layers = (32,)'])
  peer_config.follow_awopt()
  config = peer_config.PeerConfig()
  assert config.gamma == 0.9
  assert config.layers == (32,)
  assert config.zooms == (8.0,)
  # So the stored configuration tells it.
  assert 'PeerConfig.gamma = 0.9\n' in config_lib.operative()


def test_what_is_bound_for_peers_themselves_stays():
  config_lib.load([], ['CriticConfig.gamma = 0.9', 'PeerConfig.gamma = 0.8'])
  peer_config.follow_awopt()
  assert peer_config.PeerConfig().gamma == 0.8


@pytest.mark.parametrize(
  'name, value',
  [
    ('gamma', 1.5),
    ('n_step', 0),
    ('demonstration_fraction', -0.1),
    ('actor_weight_decay', -1.0),
    ('critic_weight_decay', float('nan')),
  ],
)
def test_numbers_out_of_range_are_named(name, value):
  with pytest.raises(ValueError, match=f'PeerConfig.{name} must be'):
    peer_config.PeerConfig(**{name: value})


def test_a_process_starts_with_every_number():
  config = peer_config.PeerConfig(
    gamma=0.9, layers=(8, 4), n_step=3, actor_weight_decay=0.5
  )
  settings = config.settings(peer_config.IqlPeer(expectile=0.8), 64)
  assert settings['replay'] == {
    'n_step': 3,
    'gamma': 0.9,
    'demonstration_fraction': None,
  }
  algorithm = settings['algorithm']
  assert algorithm['layers'] == [8, 4]
  assert algorithm['weight_decay'] == {'actor': 0.5, 'critic': 0.0}
  assert algorithm['settings']['expectile'] == 0.8
  assert algorithm['settings']['gamma'] == 0.9
  assert algorithm['settings']['batch_size'] == 64


@pytest.mark.parametrize('peer', peer_config.PEERS)
def test_each_peer_has_a_gin_file(peer):
  config_lib.load([f'peer/{peer}.gin'], [])
  assert peer_config.PEERS[peer]().actor_learning_rate == 1e-3
  assert peer_config.PeerConfig().actor_weight_decay == 0.5


_DEFAULTS = """
import dataclasses, json
import algorithms

def plain(value):
  return value if isinstance(value, (bool, int, float)) else None

print(json.dumps({
  peer: {
    field.name: plain(field.default) for field in dataclasses.fields(config)
  }
  for peer, config in algorithms._CONFIGS.items()
}))
"""


@fakes.needs_d3rlpy
def test_the_defaults_are_d3rlpys():
  theirs = fakes.run_with_d3rlpy(_DEFAULTS)
  assert theirs.keys() == peer_config.PEERS.keys()
  for peer, record in peer_config.PEERS.items():
    ours = dataclasses.asdict(record())
    ours.pop('entropy_temperature', None)  # d3rlpy has no such number.
    assert {name: theirs[peer][name] for name in ours} == ours
