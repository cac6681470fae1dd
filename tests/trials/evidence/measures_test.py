import math

import pytest

from awopt_agent import statistics
from awopt_agent.trials.evidence import measures
from tests.trials import fakes

Rate = statistics.SuccessRate


def make_curve():
  """Success 0 offline, then 2/4 after 10 episodes, 4/4 after 30."""
  return measures.Curve(
    (0, 10, 30), (5.0, 10.0, 40.0), (Rate(0, 4), Rate(2, 4), Rate(4, 4))
  )


def test_the_mean_over_practice_is_the_area_by_the_length():
  # (10 * (0 + .5) / 2 + 20 * (.5 + 1) / 2) / 30 = (2.5 + 15) / 30.
  assert make_curve().mean().value == pytest.approx(17.5 / 30)


def test_the_mean_of_the_first_episodes_ends_between_two_points():
  # At 20 episodes the rate is .75: (2.5 + 10 * (.5 + .75) / 2) / 20.
  assert make_curve().mean(20).value == pytest.approx(8.75 / 20)


def test_the_mean_up_to_a_point_ignores_what_follows():
  assert make_curve().mean(10).value == pytest.approx(0.25)


def test_practice_that_ended_before_has_no_mean_so_far():
  assert make_curve().mean(31) is None
  assert make_curve().mean(30) is not None


def test_a_method_that_does_not_practise_stays_what_it_is():
  flat = measures.Curve((0, 0), (1.0, 2.0), (Rate(1, 4), Rate(3, 4)))
  assert flat.mean().value == 0.75
  assert flat.mean(1000).value == 0.75


def test_a_curve_is_interpolated_along_either_axis():
  assert make_curve().at(15).value == pytest.approx(0.625)
  # A third of the way from 10 s to 40 s.
  assert make_curve().at(20, 'seconds').value == pytest.approx(0.5 + 0.5 / 3)


def test_deviations_of_one_run_add_up():
  # Wilson's: p = (2 + 1.35275) / 6.7055 = .5, variance .25 / 6.7055.
  one = math.sqrt(0.25 / 6.7055)
  measure = measures.Measure((0.5, -2.0), (Rate(2, 4), Rate(2, 4)))
  assert measure.deviation == pytest.approx(2.5 * one)


def test_a_rate_of_zero_is_uncertain_too():
  # p = 1.35275 / 702.7055 = .0019251; sqrt(p (1 - p) / 702.7055) = .0016536.
  measure = measures.Measure((1.0,), (Rate(0, 700),))
  assert measure.deviation == pytest.approx(0.0016536, rel=1e-3)


def point(phase, episodes, successes, kind='cem', **changes):
  success = {kind: Rate(successes, 10)}
  return fakes.make_point(phase, episodes, success=success, **changes)


def make_record():
  return fakes.make_record(
    points=(
      point('pretrain', 0, 2, 'actor'),
      point('practice', 1000, 4),
      point('end', 3000, 8),
      point('evaluate', 3000, 5, bindings=("make.world = 'real'",)),
    )
  )


@pytest.mark.parametrize(
  'name, expected',
  [
    ('offline', 0.2),
    ('end', 0.8),
    ('gain', 0.8 - 0.2),
    # Of CEM alone: (1000 * .4 + 2000 * (.4 + .8) / 2) / 3000.
    ('mean', (400 + 1200) / 3000),
    ('early', 0.4),
    ('unseen', 0.5),
  ],
)
def test_what_is_read_off_a_trial(name, expected):
  measure = measures.MEASURES[name](make_record())
  assert measure.value == pytest.approx(expected)


@pytest.mark.parametrize('name', ['offline', 'gain', 'unseen'])
def test_what_was_not_measured_is_none(name):
  record = fakes.make_record(points=(point('practice', 10, 4),))
  assert measures.MEASURES[name](record) is None


def test_the_curve_has_no_measurement_of_after_the_training():
  assert measures.curve(make_record()).episodes == (1000, 3000)


def test_a_curve_is_of_one_policy():
  # CEM before practice too, whose rate then counts: as for QT-Opt.
  record = fakes.make_record(
    points=(point('pretrain', 0, 2), point('end', 1000, 4))
  )
  assert measures.curve(record).episodes == (0, 1000)
  assert measures.MEASURES['mean'](record).value == pytest.approx(0.3)


def test_before_its_first_point_a_curve_is_level():
  late = measures.Curve((10, 30), (1.0, 2.0), (Rate(2, 4), Rate(4, 4)))
  # (10 * .5 + 20 * (.5 + 1) / 2) / 30; the first point lies behind 5.
  assert late.mean().value == pytest.approx(20 / 30)
  assert late.mean(5).value == pytest.approx(0.5)


def test_a_record_without_its_headline_is_refused():
  record = fakes.make_record(points=(point('end', 10, 4, 'actor'),))
  with pytest.raises(ValueError, match="bowl/awopt/0 .*'cem'; delete"):
    measures.curve(record)
