import math

import pytest

from awopt_agent import statistics
from awopt_agent.trials.evidence import estimates, measures
from tests.benchmarks import intervals


def make_seeds(*successes, episodes=700):
  return tuple(
    measures.Measure((1.0,), (statistics.SuccessRate(one, episodes),))
    for one in successes
  )


def half(estimate):
  return (estimate.interval.high - estimate.interval.low) / 2


def test_a_mean_of_three_seeds_has_students_interval():
  # Rates .4, .5, .6: mean .5, deviation .1; 2.92 * .1 / sqrt(3) = .16859.
  found = estimates.estimate([estimates.Term(1, make_seeds(280, 350, 420))])
  assert found.value == pytest.approx(0.5)
  assert half(found) == pytest.approx(0.16859, abs=1e-4)
  assert (found.seeds, found.episodes) == (3, 700)


def test_a_difference_of_equal_spreads_has_four_degrees_of_freedom():
  # Variance 2 * .01 / 3; t(4) = 2.1318; 2.1318 * sqrt(.0066667) = .17406.
  found = estimates.estimate(
    [
      estimates.Term(1, make_seeds(280, 350, 420)),
      estimates.Term(-1, make_seeds(140, 210, 280)),
    ]
  )
  assert found.value == pytest.approx(0.2)
  assert half(found) == pytest.approx(0.17406, abs=1e-4)


def test_a_method_without_spread_adds_no_degrees_of_freedom():
  found = estimates.estimate(
    [
      estimates.Term(1, make_seeds(280, 350, 420)),
      estimates.Term(-1, make_seeds(0, 0, 0)),
    ]
  )
  assert half(found) == pytest.approx(0.16859, abs=1e-4)


def test_equal_seeds_are_as_uncertain_as_their_episodes():
  # Each seed: deviation sqrt(.25 / 702.7055) = .018862; the mean of three:
  # 1.644854 * .018862 / sqrt(3) = .017912.
  found = estimates.estimate([estimates.Term(1, make_seeds(350, 350, 350))])
  assert half(found) == pytest.approx(0.017912, abs=1e-5)


def test_settings_are_averaged_by_their_coefficients():
  # Two settings with means .5 and .2; half of each.
  found = estimates.estimate(
    [
      estimates.Term(0.5, make_seeds(280, 350, 420)),
      estimates.Term(0.5, make_seeds(70, 140, 210)),
    ]
  )
  assert found.value == pytest.approx(0.35)
  # Variance 2 * .25 * .01 / 3, four degrees: 2.1318 * .040825 = .08703.
  assert half(found) == pytest.approx(0.08703, abs=1e-4)


def test_one_seed_says_so():
  found = estimates.estimate([estimates.Term(1, make_seeds(350))])
  assert found.seeds == 1
  assert half(found) == pytest.approx(1.644854 * 0.018862, abs=1e-5)


@pytest.mark.parametrize('terms', [[], [estimates.Term(1, ())]])
def test_nothing_has_no_estimate(terms):
  for function in (estimates.estimate, estimates.bootstrap):
    with pytest.raises(ValueError, match='each with a seed or more'):
      function(terms)


def test_the_bootstrap_of_certain_seeds_stays_among_them():
  # 0 or 1 for certain: with chance 1/27 each, all three draws are 0, or 1.
  terms = [estimates.Term(1, make_seeds(0, 700, 700))]
  low, high = estimates.bootstrap(terms)
  # Of three draws, each 1 with chance 2/3: P(mean 0) = 1/27 < 5%, P(mean <=
  # 1/3) = 7/27 > 5%; P(mean = 1) = 8/27 > 5%.
  assert (low, high) == pytest.approx((1 / 3, 1.0))


def test_the_bootstrap_redraws_successes():
  # Equal rates of .5: only the binomial is left, sqrt(.25 / 700 / 3) = .010911
  # times 1.644854 = .017947.
  low, high = estimates.bootstrap(
    [estimates.Term(1, make_seeds(350, 350, 350))]
  )
  assert (high - low) / 2 == pytest.approx(0.017947, rel=0.1)


def test_the_bootstrap_is_the_same_each_time():
  terms = [estimates.Term(1, make_seeds(280, 350, 420))]
  assert estimates.bootstrap(terms) == estimates.bootstrap(terms)
  assert estimates.bootstrap(terms) != estimates.bootstrap(terms, seed=1)


def test_the_deviation_between_seeds_is_pooled():
  # Squares (.1^2 * 2 + .2^2 * 2) / 4 = .025; root .15811. Chi-square with four
  # degrees: 5% .71072, 95% 9.48773; sqrt(.1 / 9.48773) = .10266, and
  # sqrt(.1 / .71072) = .37510.
  found = estimates.deviation_between_seeds(
    [make_seeds(280, 350, 420), make_seeds(210, 350, 490)]
  )
  assert found.value == pytest.approx(math.sqrt(0.025))
  assert found.interval == pytest.approx((0.10266, 0.37510), abs=1e-3)


def test_three_seeds_hold_the_truth_by_student_and_not_by_bootstrap():
  # Two equal methods whose seeds differ by .15; 200 tries have a standard
  # error of .02.
  student, bootstrap = intervals.coverage(2, 3, 700, 0.3, 0.15, tries=200)
  assert student >= 0.86
  assert bootstrap <= 0.82
