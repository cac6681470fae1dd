"""d3rlpy's peers as our process sees them."""

import gin
import numpy as np
import pytest

from awopt_agent.experience import labelling
from awopt_agent.trials.peers import config, process
from tests.envs import fakes as env_fakes
from tests.train import fakes as train_fakes
from tests.trials.peers import fakes

pytestmark = fakes.needs_d3rlpy


@pytest.fixture(name='env', scope='module')
def _env():
  return env_fakes.make_vector_env(2)


def _start(env, folder, name):
  return fakes.start_peer(
    env, folder, name=name, argv=process.command(fakes.D3RLPY)
  )


def _show(peer, *moves):
  for move in moves:
    demonstration = train_fakes.make_demonstration(move)
    experience = labelling.label_episode(demonstration, episode_id=0)
    peer.add(peer.as_episode(experience))


@pytest.mark.parametrize('name', ['awac', 'iql'])
def test_a_peer_that_clones_repeats_what_it_was_shown(env, tmp_path, name):
  with _start(env, tmp_path, name) as peer:
    assert peer.versions['d3rlpy'] == '2.8.1'
    _show(peer, 0.5, 0.5)
    losses = peer.learn(300)
    assert {'critic_loss', 'actor_loss'} <= losses.keys()
    move = peer.act(env.reset())['move']
    np.testing.assert_allclose(move, [[0.5], [0.5]], atol=0.1)


@pytest.mark.parametrize('name', config.PEERS)
def test_what_was_saved_goes_on_bit_for_bit(env, tmp_path, name):
  with _start(env, tmp_path, name) as peer:
    _show(peer, 0.5, -0.5)
    peer.learn(3)
    peer.save(str(tmp_path / 'weights'))
    expected = peer.learn(3)
    step = env.reset()
    moved = peer.act(step, explore=True)['move']
  with _start(env, tmp_path, name) as peer:
    _show(peer, 0.5, -0.5)
    peer.load(str(tmp_path / 'weights'))
    assert peer.learner_step == 3
    assert peer.learn(3) == expected
    np.testing.assert_array_equal(peer.act(step, explore=True)['move'], moved)


def test_equal_seeds_explore_alike_and_others_do_not(env, tmp_path):
  step = env.reset()
  moves = []
  for seed in (1, 1, 2):
    with fakes.start_peer(
      env, tmp_path, seed=seed, argv=process.command(fakes.D3RLPY)
    ) as peer:
      moves.append(peer.act(step, explore=True)['move'])
  np.testing.assert_array_equal(moves[0], moves[1])
  assert not np.array_equal(moves[0], moves[2])


def test_numbers_that_it_does_not_take_are_one_line(env, tmp_path):
  gin.bind_parameter('IqlPeer.actor_learning_rate', -1.0)
  try:
    with pytest.raises(ValueError, match='refused to start.*learning rate'):
      with _start(env, tmp_path, 'iql'):
        pass
  finally:
    gin.clear_config()
