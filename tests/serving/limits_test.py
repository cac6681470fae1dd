import threading

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import tensor_spec

from awopt_agent.serving import limits, parts

_spec = tensor_spec.BoundedTensorSpec
ACTION = parts.from_spec(
  {
    'grip': _spec([], tf.int32, 0, 1),
    'move': _spec([3], tf.float32, -1.0, 1.0),
  },
  'action',
)
OBSERVATION = parts.from_spec(
  {'arm': _spec([5], tf.float32, -9.0, 9.0), 'x': _spec([], tf.float32, 0, 1)},
  'observation',
)
# Coordinates in decimetres from a corner at (.5, 0, 0), in another order.
POSITION = limits.ObservedPosition(
  'arm', indices=(4, 0, 1), metres_per_unit=0.1, origin_m=(0.5, 0, 0)
)
BOX = ((0.4, -0.1, 0.0), (0.8, 0.1, 0.3))


def _limit(moves, observation=None, **kwargs):
  """Returns the moves that are left, and the counts."""
  given = limits.ActionLimits('move', **kwargs) if kwargs else None
  limiter = limits.Limiter(OBSERVATION, ACTION, given)
  moves = np.asarray(moves, np.float32)
  grips = np.ones(len(moves), np.int32)
  outputs = {'move': moves, 'grip': grips, 'score': np.zeros(len(moves))}
  found = limiter.limit(observation or {}, outputs)
  assert found['score'] is outputs['score'] and found['grip'] is grips
  assert found['move'].dtype == np.float32
  return found['move'], limiter.counts


def _observe(*positions_m):
  """Returns observations of `POSITION` at these positions."""
  arm = np.full([len(positions_m), 5], 7.0, np.float32)
  arm[:, 4], arm[:, 0], arm[:, 1] = 10 * (
    np.transpose(positions_m) - [[0.5], [0], [0]]
  )
  return {'arm': arm}


def test_inside_all_bounds_nothing_changes():
  moves = np.float32([[1, -1, 0.3], [0, 0, 0]])
  found, counts = _limit(moves)
  np.testing.assert_array_equal(found, moves)
  assert counts == (2, 0, 0, 0)
  found, counts = _limit(
    0.3 * moves,
    _observe([0.6, 0, 0.1], [0.6, 0, 0.1]),
    metres_per_unit=0.05,
    greatest_step_m=0.1,
    box_m=BOX,
    position_m=POSITION,
  )
  np.testing.assert_array_equal(found, np.float32(0.3) * moves)
  assert counts == (2, 0, 0, 0)


def test_the_spec_bounds_whatever_comes():
  found, counts = _limit([[1.5, 0, -2], [0, 0.5, 1]])
  np.testing.assert_array_equal(found, [[1, 0, -1], [0, 0.5, 1]])
  assert counts == (2, 1, 0, 0)
  limiter = limits.Limiter(OBSERVATION, ACTION)
  outputs = {'move': np.zeros([2, 3], np.float32), 'grip': np.int32([2, -1])}
  assert limiter.limit({}, outputs)['grip'].tolist() == [1, 0]
  assert outputs['grip'].tolist() == [2, -1]


def test_a_long_step_keeps_its_direction():
  # .05 m each unit: lengths .05 * 5 * .2 = .05 and .025 m, of .03.
  found, counts = _limit(
    [[0.6, 0.8, 0], [0.3, 0, 0.4]], metres_per_unit=0.05, greatest_step_m=0.03
  )
  np.testing.assert_allclose(found, [[0.36, 0.48, 0], [0.3, 0, 0.4]], atol=1e-6)
  assert counts == (2, 0, 0, 1)


def test_the_box_cuts_axis_by_axis():
  # From (.75, 0, .1), .1 m a unit, to (.85, .05, .1): x ends at .8.
  found, counts = _limit(
    [[1.0, 0.5, 0.0], [-1.0, 0.5, 0.0], [0.0, 0.0, -1.0]],
    _observe([0.75, 0, 0.1], [0.75, 0, 0.1], [0.75, 0, 0.02]),
    metres_per_unit=0.1,
    box_m=BOX,
    position_m=POSITION,
  )
  expected = [[0.5, 0.5, 0], [-1, 0.5, 0], [0, 0, -0.2]]
  np.testing.assert_allclose(found, expected, atol=1e-6)
  assert counts == (3, 0, 2, 0)


def test_an_axis_may_be_turned_and_have_its_own_scale():
  # From (.5, 0, .25): -1 * -.1 m up ends at .35, of .3; 1 * .2 at .7.
  found, _ = _limit(
    [[1.0, 0.0, -1.0]],
    _observe([0.5, 0, 0.25]),
    metres_per_unit=(0.2, 0.1, -0.1),
    box_m=BOX,
    position_m=POSITION,
  )
  np.testing.assert_allclose(found, [[1, 0, -0.5]], atol=1e-6)


def test_from_outside_it_only_leads_back_and_no_faster_than_allowed():
  # At z = .5, .2 m above; a unit is .1 m, a step .05 m at most.
  kwargs = {'metres_per_unit': 0.1, 'box_m': BOX, 'position_m': POSITION}
  outside = _observe([0.6, 0, 0.5])
  found, counts = _limit([[0.0, 0.0, 1.0]], outside, **kwargs)
  np.testing.assert_allclose(found, [[0, 0, -1]], atol=1e-6)  # The spec's.
  assert counts == (1, 0, 1, 0)
  found, counts = _limit(
    [[0.0, 0.0, 1.0]], outside, greatest_step_m=0.05, **kwargs
  )
  np.testing.assert_allclose(found, [[0, 0, -0.5]], atol=1e-6)
  assert counts == (1, 0, 1, 1)


def test_a_function_may_tell_where_the_gripper_is():
  found, _ = _limit(
    [[1.0, 1.0, 1.0]],
    {'image': np.zeros([1, 2, 2, 3])},
    box_m=((-0.5,) * 3, (0.5,) * 3),
    position_m=lambda observation: np.zeros([len(observation['image']), 3]),
  )
  np.testing.assert_allclose(found, [[0.5, 0.5, 0.5]])


@pytest.mark.parametrize(
  'position', [np.zeros([1, 2]), np.full([1, 3], np.nan)]
)
def test_refuses_a_position_that_is_none(position):
  with pytest.raises(ValueError, match=r'gives .*finite metres \[1, 3\]'):
    _limit([[0, 0, 0]], box_m=BOX, position_m=lambda _: position)


def test_no_action_is_better_than_one_that_is_no_number():
  good = {'move': np.zeros([1, 3], np.float32), 'grip': np.int32([0])}
  limits.check_finite(good)
  for bad in (np.nan, np.inf):
    message = "answers 'score' that is not finite; stop the robot"
    with pytest.raises(FloatingPointError, match=message):
      limits.check_finite({**good, 'score': np.float32([0, bad])})


def test_counts_from_several_threads():
  limiter = limits.Limiter(OBSERVATION, ACTION)
  outputs = {'move': np.full([1, 3], 2, np.float32), 'grip': np.int32([0])}

  def work():
    for _ in range(200):
      limiter.limit({}, outputs)

  threads = [threading.Thread(target=work) for _ in range(4)]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  assert limiter.counts == (800, 800, 0, 0)


@pytest.mark.parametrize(
  ('kwargs', 'message'),
  [
    ({'metres_per_unit': 0.0}, 'metres_per_unit must be finite and not 0, got'),
    (
      {'greatest_step_m': 0.0},
      'greatest_step_m must be > 0, got 0.0; pass None',
    ),
    ({'box_m': BOX}, 'box_m needs position_m, which tells'),
    ({'box_m': (BOX[1], BOX[0])}, 'must be its lowest and its highest corner'),
    ({'box_m': ((0, 0), BOX[1])}, 'must be its lowest and its highest corner'),
    (
      {'box_m': ((0, 0), (1, 1)), 'position_m': POSITION},
      'box_m has 2 axes, but',
    ),
    (
      {'metres_per_unit': (1, 1)},
      "metres_per_unit has 2 axes, but 'move' has 3",
    ),
    ({'part': 'grip'}, "part is 'grip'; choose a part .* vector .* grip, move"),
    ({'part': 'lift'}, "part is 'lift'; choose"),
    (
      {'position_m': limits.ObservedPosition('x')},
      "ObservedPosition.part is 'x'; choose .* arm, x, or pass a function",
    ),
    (
      {'position_m': limits.ObservedPosition('arm', (0, 1))},
      r"indices is \(0, 1\); pass 3 indices into 'arm', which has 5",
    ),
    (
      {'position_m': limits.ObservedPosition('arm', (3, 4, 5))},
      'pass 3 indices',
    ),
  ],
)
def test_refuses_limits_that_cannot_be(kwargs, message):
  with pytest.raises(ValueError, match=message) as error:
    limits.Limiter(
      OBSERVATION, ACTION, limits.ActionLimits(**{'part': 'move', **kwargs})
    )
  assert '\n' not in str(error.value)
