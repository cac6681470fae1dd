import dataclasses

import gin
import numpy as np
import pytest

from awopt_agent import envs
from awopt_agent.envs import world


@pytest.fixture(autouse=True)
def _clean_gin():
  yield
  gin.clear_config()


def _draw(where, seed=0):
  return where.draw(np.random.default_rng(seed))


def test_nothing_varies_in_sim():
  first, other = _draw(world.World(), 1), _draw(world.World(), 2)
  for field in dataclasses.fields(world.Conditions):
    np.testing.assert_array_equal(
      getattr(first, field.name), getattr(other, field.name)
    )
  assert (first.friction, first.mass_scale) == (1, 1)
  assert (first.latency_s, first.actuation_noise, first.image_noise) == (0,) * 3


def test_everything_varies_in_real():
  first, other = _draw(world.RealWorld(), 1), _draw(world.RealWorld(), 2)
  for field in dataclasses.fields(world.Conditions):
    assert np.any(getattr(first, field.name) != getattr(other, field.name))


def test_conditions_stay_within_their_ranges():
  where = world.World(friction=(0.5, 0.6), latency_s=(0.01, 0.02))
  for seed in range(100):
    conditions = _draw(where, seed)
    assert 0.5 <= conditions.friction <= 0.6
    assert 0.01 <= conditions.latency_s <= 0.02


def test_the_light_comes_from_above():
  where = world.World(light_spread=9.0)
  assert all(_draw(where, seed).light[2] > 0 for seed in range(50))


@pytest.mark.parametrize(
  'value',
  [
    (0.5, 0.4),
    (-0.1, 1.0),
    (np.nan, 1.0),
    (0.1, np.inf),
    (1,),
    (1, 2, 3),
    ('a', 'b'),
    0.5,
  ],
)
def test_refuses_what_is_no_range(value):
  with pytest.raises(ValueError, match='World.friction must be a range'):
    world.World(friction=value)


@pytest.mark.parametrize(
  'wrong',
  [
    {'mass_scale': (0.0, 1.0)},
    {'camera_shift_m': -1.0},
    {'light_spread': -1.0},
    {'light_spread': np.inf},
    {'object_seed': -1},
    {'object_seed': 1.5},
    {'table_rgb': ((1.0, 1.0, 1.0), (0.5, 0.5, 0.5))},
    {'table_rgb': ((0.0, 0.0, 0.0), (2.0, 1.0, 1.0))},
    {'table_rgb': ((0.0, 0.0), (1.0, 1.0))},
  ],
)
def test_refuses_what_cannot_be(wrong):
  ((name, _),) = wrong.items()
  with pytest.raises(ValueError, match=f'World.{name} must be'):
    world.World(**wrong)


def test_gin_sets_the_ranges_of_each_world():
  gin.parse_config('RealWorld.friction = (0.1, 0.2)')
  assert envs.WORLDS['real']().friction == (0.1, 0.2)
  assert envs.WORLDS['sim']().friction == (1.0, 1.0)
