import pytest

from awopt_agent.trials.evidence import costs
from tests.trials import fakes
from tests.trials.evidence import made_up


def test_a_suite_costs_what_its_trials_took():
  # Figure 2 has QT-Opt and AWAC on the example task, three seeds each.
  ran = made_up.method('compostables', 'awac', [(0, 0)] * 2, seconds=90.0)
  other = [fakes.make_record(seconds=1e6)]
  (cost,) = costs.costs([*ran, *other], ['figure_2'])
  assert cost == ('figure_2', 6, 2, pytest.approx(3.0))


def test_trials_on_more_cores_cost_more():
  ran = made_up.method('compostables', 'awac', [(0, 0)], seconds=60.0, cores=2)
  assert costs.costs(ran, ['figure_2'])[0].core_minutes == pytest.approx(2.0)


def test_suites_with_results_are_named():
  names = costs.suite_names()
  assert names == sorted(names)
  assert {'figure_2', 'state', 'sweep_temperature'} <= set(names)
  assert 'smoke' not in names


def test_there_is_no_such_suite():
  with pytest.raises(ValueError, match='nosuch'):
    costs.costs([], ['nosuch'])
