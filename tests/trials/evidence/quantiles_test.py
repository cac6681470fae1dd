import math

import pytest

from awopt_agent.trials.evidence import quantiles


def test_students_t_with_one_degree_is_cauchys():
  # P(|T| < t) = 2 atan(t) / pi, so t = tan(.9 pi / 2) = 6.3138.
  assert quantiles.student_t(1, 0.9) == pytest.approx(6.3138, abs=1e-4)


def test_students_t_with_two_degrees():
  # P(|T| < t) = t / sqrt(2 + t^2), so t = sqrt(2 * .81 / .19) = 2.9200.
  expected = math.sqrt(2 * 0.81 / 0.19)
  assert quantiles.student_t(2, 0.9) == pytest.approx(expected, abs=1e-4)


def test_students_t_nears_the_normal_quantile():
  assert quantiles.student_t(1e5, 0.9) == pytest.approx(1.6449, abs=1e-3)


def test_students_t_takes_fractions_of_degrees():
  assert 2.1318 < quantiles.student_t(2.5, 0.9) < 2.92


@pytest.mark.parametrize('p', [0.05, 0.5, 0.95])
def test_chi_square_with_two_degrees_is_exponential(p):
  # P(X < x) = 1 - exp(-x / 2).
  expected = -2 * math.log(1 - p)
  assert quantiles.chi_square(2, p) == pytest.approx(expected, rel=1e-3)


def test_chi_square_with_one_degree_is_a_squared_normal():
  # The normal's two-sided 90% quantile is 1.644854, squared 2.7055.
  assert quantiles.chi_square(1, 0.9) == pytest.approx(2.7055, rel=1e-3)


@pytest.mark.parametrize('df, p', [(0, 0.9), (math.nan, 0.9), (2, 0), (2, 1)])
def test_what_has_no_quantile_is_refused(df, p):
  for quantile in (quantiles.student_t, quantiles.chi_square):
    with pytest.raises(ValueError, match='must'):
      quantile(df, p)
