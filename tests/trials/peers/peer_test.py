import numpy as np
import pytest

from awopt_agent.experience import labelling
from awopt_agent.trials.peers import peer as peer_lib
from tests.envs import fakes as env_fakes
from tests.train import fakes as train_fakes
from tests.trials.peers import fakes


@pytest.fixture(name='env')
def _env():
  return env_fakes.make_vector_env(2)


@pytest.fixture(name='peer')
def _peer(env, tmp_path):
  with fakes.start_peer(env, tmp_path) as peer:
    experience = labelling.label_episode(
      train_fakes.make_demonstration(0.5), episode_id=0
    )
    peer.add(peer.as_episode(experience))
    yield peer


def test_it_tells_by_what_it_learns(peer):
  assert peer.versions == {'numpy': np.__version__}


def test_learner_steps_are_counted(peer):
  assert peer.learn(3) == {'critic_loss': pytest.approx(1 / 3)}
  peer.learn(2)
  assert peer.learner_step == 5


def test_it_acts_on_the_environments_nests(peer, env):
  action = peer.act(env.reset())
  np.testing.assert_allclose(action['move'], [[0.5], [0.5]])


def test_exploring_is_another_policy(peer, env):
  step = env.reset()
  policy = peer_lib.ExploringPolicy(peer, env)
  moves = [policy.action(step).action['move'] for _ in range(2)]
  assert not np.array_equal(*moves)
  assert np.abs(moves).max() <= 1


def test_what_was_saved_comes_back(peer, tmp_path):
  peer.learn(4)
  peer.save(str(tmp_path / 'weights'))
  peer.learn(1)
  peer.load(str(tmp_path / 'weights'))
  assert peer.learner_step == 4


def test_a_loss_that_is_not_finite_ends_the_run(env, tmp_path, monkeypatch):
  monkeypatch.setitem(
    peer_lib.config_lib.PEERS, 'diverging', peer_lib.config_lib.IqlPeer
  )
  with fakes.start_peer(env, tmp_path, name='diverging') as peer:
    with pytest.raises(ValueError, match='critic_loss of the peer became NaN'):
      peer.learn(1)
