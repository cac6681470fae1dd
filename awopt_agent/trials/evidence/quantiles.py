"""Quantiles of the two distributions that few seeds ask for."""

import math

import numpy as np

__all__ = ['chi_square', 'student_t']

_POINTS = 20_001
# So many standard deviations hold all but 1e-15 of a chi distribution.
_FAR = 8.0


def student_t(df: float, confidence: float) -> float:
  """Returns how far from 0 a Student t variable stays.

  Args:
    df: Degrees of freedom, at least 1; fractions are fine.
    confidence: Probability that it stays so near, in (0, 1).

  Returns:
    The two-sided quantile; exact to four digits.

  Raises:
    ValueError: If an argument is out of range.
  """
  _check(df, confidence)
  # With t = sqrt(df) tan(a), the density of the angle a is cos(a)^(df - 1).
  angles = np.linspace(0, math.pi / 2, _POINTS)
  angle = _quantile(angles, np.cos(angles) ** (df - 1), confidence)
  return math.sqrt(df) * math.tan(angle)


def chi_square(df: float, probability: float) -> float:
  """Returns what a chi-square variable stays below with a probability.

  Args:
    df: Degrees of freedom, at least 1.
    probability: In (0, 1).

  Returns:
    The quantile; exact to three digits.

  Raises:
    ValueError: If an argument is out of range.
  """
  _check(df, probability)
  # Its root has a density without a pole: u^(df - 1) exp(-u^2 / 2).
  roots = np.linspace(0, math.sqrt(df) + _FAR, _POINTS)
  density = roots ** (df - 1) * np.exp(-(roots**2) / 2)
  return _quantile(roots, density, probability) ** 2


def _quantile(grid: np.ndarray, density: np.ndarray, p: float) -> float:
  areas = np.cumsum((density[1:] + density[:-1]) / 2)
  return float(np.interp(p, np.append(0, areas / areas[-1]), grid))


def _check(df: float, probability: float) -> None:
  if not df >= 1:
    raise ValueError(f'df must be >= 1, got {df}; measure two seeds or more.')
  if not 0 < probability < 1:
    raise ValueError(
      f'a probability must lie between 0 and 1, got {probability}; pass .9 '
      'for 90%.'
    )
