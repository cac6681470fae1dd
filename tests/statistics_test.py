import pytest

from awopt_agent import statistics


def test_matches_numbers_computed_by_hand():
  # z = 1.644854, z^2 = 2.705543. 8 of 10: scale = 1 + .2705543 = 1.2705543;
  # middle = (.8 + .1352772) / 1.2705543 = .736118;
  # half = 1.644854 / 1.2705543 * sqrt(.8 * .2 / 10 + 2.705543 / 400)
  #      = 1.294595 * sqrt(.016 + .00676386) = .195325.
  low, high = statistics.wilson_interval(8, 10)
  assert low == pytest.approx(0.736118 - 0.195325, abs=2e-6)
  assert high == pytest.approx(0.736118 + 0.195325, abs=2e-6)


def test_all_successes_leave_doubt_below():
  # Rate 1: low = n / (n + z^2) = 200 / 202.705543.
  low, high = statistics.wilson_interval(200, 200)
  assert low == pytest.approx(200 / 202.705543, abs=1e-6)
  assert high == pytest.approx(1.0)


def test_failures_mirror_successes():
  low, high = statistics.wilson_interval(3, 20)
  mirrored = statistics.wilson_interval(17, 20)
  assert low == pytest.approx(1 - mirrored.high)
  assert high == pytest.approx(1 - mirrored.low)


def test_more_confidence_needs_a_wider_interval():
  # z = 1.959964, z^2 = 3.841459; 0 of 10: high = z^2 / (10 + z^2).
  interval = statistics.wilson_interval(0, 10, confidence=0.95)
  assert interval.low == pytest.approx(0, abs=1e-9)
  assert interval.high == pytest.approx(3.841459 / 13.841459, abs=1e-6)
  assert interval.high > statistics.wilson_interval(0, 10).high


def test_without_episodes_nothing_is_known():
  assert statistics.wilson_interval(0, 0) == (0, 1)


def test_prints_three_digits():
  assert str(statistics.Interval(0.5, 0.98765)) == '[0.500, 0.988]'


@pytest.mark.parametrize(
  'counts, confidence',
  [((11, 10), 0.9), ((-1, 10), 0.9), ((1, 10), 90), ((1, 10), 0.0)],
)
def test_refuses_what_is_no_rate(counts, confidence):
  with pytest.raises(ValueError):
    statistics.wilson_interval(*counts, confidence=confidence)


def test_a_rate_is_told_with_its_interval_and_number():
  rate = statistics.SuccessRate(6, 8)
  # Wilson at 90%, z = 1.64485, z^2 = 2.70554: scale 1 + 2.70554 / 8 =
  # 1.338193; middle (.75 + 2.70554 / 16) / 1.338193 = .686819; half 1.64485 /
  # 1.338193 * sqrt(.75 * .25 / 8 + 2.70554 / 256) = .226656.
  assert rate.as_record() == {
    'rate': 0.75,
    'n': 8,
    'low': 0.4602,
    'high': 0.9135,
  }
  assert str(rate) == '0.75 [0.46, 0.91]'


def test_a_rate_is_read_as_it_was_written():
  for successes in range(701):
    rate = statistics.SuccessRate(successes, 700)
    assert statistics.SuccessRate.from_record(rate.as_record()) == rate
