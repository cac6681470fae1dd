import numpy as np
import pytest
from tf_agents.specs import array_spec

from awopt_agent import structs
from awopt_agent.experience import labelling
from awopt_agent.trials.peers import vectors as vectors_lib

_X = array_spec.BoundedArraySpec((1,), np.float32, -1, 1, 'x')
_MOVE = array_spec.BoundedArraySpec((1,), np.float32, 0, 10, 'move')
_GRIP = array_spec.BoundedArraySpec((), np.int32, 0, 1, 'grip')


def _make(zooms=(8.0,)):
  return vectors_lib.Vectors(
    {'x': _X}, {'grip': _GRIP, 'move': _MOVE}, zooms=zooms
  )


def _make_experience(*, is_terminal=True, source=structs.Source.DEMONSTRATION):
  """An episode of two steps; its last row means nothing."""
  episode = structs.Episode(
    observation={'x': np.array([[0.0], [0.25], [0.5]], np.float32)},
    action={
      'grip': np.array([0, 1, 0], np.int32),
      'move': np.array([[0.0], [7.5], [99.0]], np.float32),
    },
    reward=np.array([0, 1, 7], np.float32),
    discount=np.array([1, 0 if is_terminal else 1, 9], np.float32),
    is_terminal=is_terminal,
    success=True,
    source=source,
  )
  return labelling.label_episode(episode, episode_id=0)


def test_sizes_are_those_of_the_vectors():
  vectors = _make()
  assert vectors.observation_size == 2  # x and tanh(8 x).
  assert vectors.action_size == 3  # move, and open or closed.


def test_observations_have_magnified_copies():
  observed = _make().observe({'x': np.array([[0.25]], np.float32)})
  np.testing.assert_allclose(observed, [[0.25, 0.9640276]])  # tanh(2)


def test_actions_lie_between_minus_one_and_one():
  encoded = _make().encode(
    {
      'grip': np.array([1, 0], np.int32),
      'move': np.array([[0.0], [7.5]], np.float32),
    }
  )
  # 2 * 0 / 10 - 1 and 2 * 7.5 / 10 - 1; then open and closed.
  np.testing.assert_allclose(encoded, [[-1, -1, 1], [0.5, 1, -1]])


def test_the_greatest_of_a_group_wins():
  action = _make().decode(
    np.array([[0.5, -0.9, -0.8], [3.0, 0.2, 0.1]], np.float32)
  )
  np.testing.assert_array_equal(action['grip'], [1, 0])
  # Past a bound it is the bound.
  np.testing.assert_allclose(action['move'], [[7.5], [10.0]])


def test_an_action_comes_back_from_its_vector():
  vectors = _make()
  action = {
    'grip': np.array([0, 1], np.int32),
    'move': np.array([[2.0], [9.0]], np.float32),
  }
  back = vectors.decode(vectors.encode(action))
  np.testing.assert_array_equal(back['grip'], action['grip'])
  np.testing.assert_allclose(back['move'], action['move'], rtol=1e-6)


def test_an_episode_has_its_rewards_and_its_last_observation():
  episode = _make(zooms=()).episode(_make_experience())
  np.testing.assert_allclose(episode['observations'], [[0], [0.25], [0.5]])
  np.testing.assert_allclose(
    episode['actions'][:2], [[-1, 1, -1], [0.5, -1, 1]]
  )
  # The reward past the end is none: d3rlpy would count it as still to come.
  np.testing.assert_array_equal(episode['rewards'], [0, 1, 0])
  assert episode['terminal'] is True
  assert episode['demonstration'] is True


def test_a_truncated_episode_is_not_terminal():
  episode = _make().episode(_make_experience(is_terminal=False))
  assert episode['terminal'] is False


def test_practice_is_no_demonstration():
  episode = _make().episode(_make_experience(source=structs.Source.ACTOR))
  assert episode['demonstration'] is False


def test_pictures_are_refused():
  picture = array_spec.BoundedArraySpec((8, 8, 3), np.uint8, 0, 255, 'image')
  with pytest.raises(ValueError, match='float observations'):
    vectors_lib.Vectors({'image': picture}, {'move': _MOVE}, zooms=())
