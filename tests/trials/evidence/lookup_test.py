import dataclasses

import pytest

from tests.trials import fakes
from tests.trials.evidence import made_up


def make_found():
  return made_up.found(
    made_up.method('bowl', 'awopt', [(0.1, 0.8), (0.3, 0.9)]),
    made_up.method('bin', 'awopt', [(0.4, 0.5), (0.4, 0.5)]),
  )


def test_seeds_are_found_in_their_order():
  found = made_up.found(
    [fakes.make_record(seed=2), fakes.make_record(seed=0)],
    [fakes.make_record(grid='bin')],
  )
  assert [one.seed for one in found.seeds('bowl', 'awopt')] == [0, 2]
  assert found.seeds('bowl', 'awac') == []
  assert len(found.all) == 3


def test_a_rate_is_averaged_over_seeds_and_settings():
  # Bowl (.1 + .3) / 2 = .2, bin .4; their mean .3.
  rate = make_found().rate(('bowl', 'bin'), 'awopt', 'offline')
  assert rate.value == pytest.approx(0.3)


def test_a_rates_interval_stays_in_0_to_1_and_a_gains_does_not():
  found = make_found()
  # Two seeds, .1 and .3: 6.3 * .1414 / sqrt(2) is more than .2.
  assert found.rate(('bowl',), 'awopt', 'offline').interval.low == 0
  gain = made_up.found(made_up.method('bowl', 'awac', [(0.9, 0.1), (0.2, 0.1)]))
  assert gain.rate(('bowl',), 'awac', 'gain').interval.low == -1


def test_what_one_seed_did_not_measure_is_unknown():
  short = made_up.method('bowl', 'awopt', [(0.1, 0.8)], episodes=500)
  long = made_up.method('bowl', 'awopt', [(0.1, 0.8)])
  found = made_up.found(short, [long[0]])
  assert found.measured('bowl', 'awopt', 'early') == ()
  assert found.rate(('bowl',), 'awopt', 'early') is None
  assert len(found.measured('bowl', 'awopt', 'end')) == 2


def test_what_was_not_run_has_no_rate():
  assert make_found().rate(('bowl',), 'awac', 'end') is None


def test_a_typical_record_is_of_awopt_if_there_is_one():
  found = made_up.found(
    made_up.method('bowl', 'awac', [(0, 0)]),
    made_up.method('bowl', 'awopt', [(0, 0)]),
    made_up.method('bin', 'qt_opt', [(0, 0)]),
  )
  assert found.typical('bowl').variant == 'awopt'
  assert found.typical('bin').variant == 'qt_opt'
  assert found.typical('middle') is None


def test_a_mixture_is_looked_for_among_the_methods_compared():
  found = made_up.found(
    made_up.method('bowl', 'awopt', [(0, 0)]),
    made_up.method('bowl', 'awac', [(0, 0)], sources='other'),
    made_up.method('bowl', 'bc', [(0, 0)]),
  )
  assert 'different code' in found.mixture('bowl', ('awopt', 'awac'))
  assert found.mixture('bowl', ('awopt', 'bc')) is None


def test_seeds_of_other_code_have_no_common_rate():
  one = made_up.method('bowl', 'awopt', [(0.1, 0.8), (0.1, 0.8)])
  mixed = [one[0], dataclasses.replace(one[1], sources='other')]
  assert made_up.found(one).rate(('bowl',), 'awopt', 'end') is not None
  assert made_up.found(mixed).rate(('bowl',), 'awopt', 'end') is None
