import dataclasses

import pytest

from awopt_agent.trials.evidence import bands
from tests.trials.evidence import made_up


def test_a_band_has_the_mean_of_the_seeds_and_their_interval():
  shares = [(0.4, 0.4), (0.5, 0.5), (0.6, 0.6)]
  band = bands.band(made_up.method('bowl', 'awopt', shares), 'episodes')
  assert band.x == (0, 1000, 2000)
  assert band.mean == pytest.approx((0.5, 0.5, 0.5))
  # 2.92 * .1 / sqrt(3) = .1686.
  assert band.low == pytest.approx((0.3314,) * 3, abs=1e-4)
  assert band.high == pytest.approx((0.6686,) * 3, abs=1e-4)


def test_a_band_stays_in_0_to_1():
  shares = [(0.0, 0.0), (0.1, 1.0)]
  band = bands.band(made_up.method('bowl', 'awopt', shares), 'episodes')
  assert min(band.low) == 0
  assert max(band.high) == 1


def test_seeds_are_interpolated_where_another_was_evaluated():
  one = made_up.method('bowl', 'awopt', [(0.0, 1.0)], episodes=100)[0]
  two = made_up.method('bowl', 'awopt', [(0.0, 1.0)], episodes=200)[0]
  band = bands.band([one, two], 'episodes')
  # As far as both go: 0, 50, 100 of the one, 100 of the other.
  assert band.x == (0, 50, 100)
  # One is a line to 1 at 100, the other to 1 at 200.
  assert band.mean == pytest.approx((0, (0.5 + 0.25) / 2, (1 + 0.5) / 2))


def test_along_time_a_band_begins_when_all_have_begun():
  one = made_up.method('bowl', 'awopt', [(0.0, 1.0)])[0]
  points = tuple(
    dataclasses.replace(point, seconds=point.seconds + 7)
    for point in one.points
  )
  later = dataclasses.replace(one, points=points)
  band = bands.band([one, later], 'seconds')
  # A point is measured 5.5 s after its number of episodes in seconds.
  assert (band.x[0], band.x[-1]) == (12.5, 2005.5)


def test_a_method_that_does_not_practise_is_one_point():
  flat = made_up.method('bowl', 'bc', [(0.4, 0.4), (0.6, 0.6)], episodes=0)
  band = bands.band(flat, 'episodes')
  assert band.x == (0,)
  assert band.mean == pytest.approx((0.5,))
