import pytest

from awopt_agent.trials import suite
from awopt_agent.trials.evidence import claims, judging, sweeps
from tests.trials.evidence import made_up


def first_cell(name):
  trial = suite.load([name])[0]
  return trial.grid, trial.variant, trial.bindings[-1]


def test_a_cell_is_a_method_at_a_value():
  grid, variant, binding = first_cell('sweep_temperature')
  found = made_up.found(made_up.method(grid, variant, [(0.2, 0.6)]))
  (one,) = sweeps.sweeps(['figure_2', 'sweep_temperature'], found)
  assert (one.name, one.task) == ('temperature', 'compostables')
  (cell,) = one.cells
  assert cell.binding == binding
  assert binding.startswith('ActorConfig.temperature = ')
  assert cell.seeds == 1
  values = (cell.offline.value, cell.mean.value, cell.end.value)
  assert values == pytest.approx((0.2, 0.4, 0.6))


def claim(name, left, right):
  sides = (
    claims.Side(variant, 'end', ('compostables',)) for variant in (left, right)
  )
  return claims.Claim(name, '', '', (claims.Part(f'{name} holds', *sides),))


def test_what_does_not_hold_is_asked_of_each_value():
  asked = [claim('a', 'awac', 'awopt'), claim('b', 'awopt', 'awac')]
  cells = [
    made_up.method(f'compostables_temperature_{value}', variant, [(0, end)])
    for value, awac, awopt in ((0.01, 0.2, 0.6), (2.0, 0.5, 0.1))
    for variant, end in (('awac', awac), ('awopt', awopt))
  ]
  found = made_up.found(
    made_up.method('compostables', 'awopt', [(0, 0.8), (0, 0.81)]),
    made_up.method('compostables', 'awac', [(0, 0.4), (0, 0.41)]),
    *cells,
  )
  judged = [judging.judge(one, found) for one in asked]
  (one,) = sweeps.sweeps(['sweep_temperature'], found, judged)
  # The other claim holds.
  assert [part.claim for part in one.parts] == ['a']
  values = {
    binding: result.estimate.value
    for binding, result in one.parts[0].results.items()
  }
  assert values == pytest.approx(
    {
      'ActorConfig.temperature = 0.01': -0.4,
      'ActorConfig.temperature = 2.0': 0.4,
    },
    abs=1e-3,
  )


def test_a_value_is_asked_of_claims_on_its_own_setting_alone():
  parts = tuple(
    claims.Part('near 0', claims.Side('awac', 'offline', (grid,)))
    for grid in ('positives', 'positives_and_negatives')
  )
  claim_of_both = claims.Claim('c', '', '', parts)
  found = made_up.found(
    *(
      made_up.method(grid, 'awac', [(0, 0)] * 3)
      for grid in ('positives', 'positives_and_negatives')
    ),
    made_up.method('positives_and_negatives_attempts_100', 'awac', [(0, 0)]),
  )
  judged = [judging.judge(claim_of_both, found)]
  (one,) = sweeps.sweeps(['sweep_attempts'], found, judged)
  assert [part.part for part in one.parts] == [parts[1]]


def test_a_sweep_that_was_not_run_is_left_out():
  assert sweeps.sweeps(['sweep_temperature'], made_up.found()) == []


def test_each_sweep_has_at_least_eight_values():
  names = (
    'attempts',
    'demonstrations',
    'replay_ratio',
    'success_fraction',
    'temperature',
  )
  for name in names:
    trials = suite.load([f'sweep_{name}'])
    assert len({trial.grid for trial in trials}) >= 8


def test_a_cell_may_change_nothing():
  method = made_up.method('middle_bin', 'd3rlpy_iql', [(0.2, 0.6)])
  (one,) = sweeps.sweeps(['sweep_peers'], made_up.found(method))
  assert [cell.binding for cell in one.cells] == ['unchanged']
