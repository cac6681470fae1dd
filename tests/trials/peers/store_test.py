import os

import numpy as np
import pytest

from awopt_agent.experience import labelling
from awopt_agent.trials.peers import store as store_lib
from tests.envs import fakes as env_fakes
from tests.train import fakes as train_fakes
from tests.trials.peers import fakes


@pytest.fixture(name='env')
def _env():
  return env_fakes.make_vector_env(2)


def _add(store, peer, move):
  experience = labelling.label_episode(
    train_fakes.make_demonstration(move), episode_id=0
  )
  episode = peer.as_episode(experience)
  store.add(episode)
  peer.add(episode)


@pytest.fixture(name='store')
def _store(env, tmp_path):
  """One that has an episode by a move of .5, and weights of three steps."""
  store = store_lib.PeerStore(str(tmp_path / 'peer'))
  store.begin()
  with fakes.start_peer(env, tmp_path) as peer:
    _add(store, peer, 0.5)
    peer.learn(3)
    store.save(peer, {'practised_episodes': 1})
    yield store


def test_nothing_is_saved_before_the_first_time(tmp_path):
  store = store_lib.PeerStore(str(tmp_path / 'peer'))
  assert not store.has_state
  store.begin()
  assert not store.has_state


def test_another_peer_goes_on_from_it(store, env, tmp_path):
  with fakes.start_peer(env, tmp_path) as peer:
    assert store.restore(peer)['practised_episodes'] == 1
    assert peer.learner_step == 3
    np.testing.assert_allclose(peer.act(env.reset())['move'], [[0.5], [0.5]])


def test_episodes_after_the_counters_are_dropped(store, env, tmp_path):
  with fakes.start_peer(env, tmp_path) as peer:
    _add(store, peer, -0.5)
  with fakes.start_peer(env, tmp_path) as peer:
    # The weights know of two transitions, and refuse any other number.
    store.restore(peer)
    _add(store, peer, 0.25)
    store.save(peer, {})
  with fakes.start_peer(env, tmp_path) as peer:
    store.restore(peer)


def test_weights_that_were_not_finished_count_for_nothing(store, env, tmp_path):
  with fakes.start_peer(env, tmp_path) as peer:
    store.restore(peer)
    peer.learn(5)
    peer.save(os.path.join(store.folder, 'weights-8.part'))
  with fakes.start_peer(env, tmp_path) as peer:
    store.restore(peer)
    assert peer.learner_step == 3


def test_the_newest_weights_alone_stay(store, env, tmp_path):
  with fakes.start_peer(env, tmp_path) as peer:
    store.restore(peer)
    peer.learn(5)
    store.save(peer, {})
  assert sorted(os.listdir(store.folder)) == [
    'episodes',
    'state.json',
    'weights-8',
  ]
  assert store.state()['learner_step'] == 8
