import math

import pytest

from awopt_agent import statistics
from awopt_agent.trials.evidence import claims, estimates, formats, judging


def make_estimate(value, low, high):
  return estimates.Estimate(value, statistics.Interval(low, high), 3, 700)


@pytest.mark.parametrize(
  'value, text',
  [
    (0.05, '.05'),
    (0.999, '1.00'),
    (1.0, '1.00'),
    (0.0, '.00'),
    (-0.001, '.00'),
    (-0.2, '-.20'),
    (-1.0, '-1.00'),
  ],
)
def test_rates_have_two_digits(value, text):
  assert formats.rate(value) == text


def test_estimates_have_their_interval():
  assert (
    formats.estimate(make_estimate(0.871, 0.824, 0.912)) == '.87 [.82, .91]'
  )
  assert formats.estimate(None) == '–'


def test_differences_have_signs():
  found = make_estimate(0.24, -0.2, 0.68)
  assert formats.difference(found) == '+.24 [-.20, +.68]'


def result(part, found, sides=()):
  return judging.PartResult(part, judging.Verdict.HOLDS, found, sides=sides)


def test_a_difference_of_methods_is_followed_by_what_each_has():
  side = claims.Side('awopt', 'end', ('bowl',))
  one, two = make_estimate(0.8, 0.7, 0.9), make_estimate(0.5, 0.4, 0.6)
  found = result(
    claims.Part('a above b', side, side),
    make_estimate(0.3, 0.1, 0.5),
    (('a', one), ('b', two)),
  )
  assert formats.result(found) == '+.30 [+.10, +.50] (.80 - .50)'


def test_a_rate_stays_in_0_to_1_and_a_gain_has_a_sign():
  found = make_estimate(0.02, -0.01, 0.05)
  rate = claims.Part('low', claims.Side('awac', 'end', ('bowl',)))
  assert formats.result(result(rate, found)) == '.02 [.00, .05]'
  gain = claims.Part('gains', claims.Side('awac', 'gain', ('bowl',)))
  assert formats.result(result(gain, found)) == '+.02 [-.01, +.05]'


def test_what_was_not_run_has_no_number():
  part = claims.Part('low', claims.Side('awac', 'end', ('bowl',)))
  with pytest.raises(ValueError, match='not run'):
    formats.result(judging.PartResult(part, judging.Verdict.NOT_RUN))


@pytest.mark.parametrize(
  'within, text',
  [
    ((0.0, math.inf), 'above 0'),
    ((0.05, math.inf), 'above .05'),
    ((-math.inf, 0.0), 'below 0'),
    ((-math.inf, 0.05), 'below .05'),
    ((-0.1, 0.1), 'within ±.10'),
    ((0.1, 0.4), 'between .10 and .40'),
  ],
)
def test_limits_are_said_in_words(within, text):
  assert formats.limits(within) == text


@pytest.mark.parametrize(
  'value, text', [(4.25, '4.2 min'), (45.4, '45 min'), (210, '3.5 h')]
)
def test_times_are_minutes_or_hours(value, text):
  assert formats.minutes(value) == text
