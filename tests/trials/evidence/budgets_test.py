from awopt_agent.trials.evidence import budgets
from tests.trials import fakes
from tests.trials.evidence import made_up


def test_a_budget_is_read_off_what_a_trial_was_made_with():
  found = made_up.found(made_up.method('bowl', 'awopt', [(0, 0)]))
  (budget,) = budgets.budgets(found, ['bowl', 'bin'])
  assert budget == (
    *('bowl', 'data/bowl', 'train[:4]', '100', '2000', '0.5', '100', '700'),
  )


def test_what_a_record_does_not_tell_is_empty():
  found = made_up.found([fakes.make_record(config='')])
  (budget,) = budgets.budgets(found, ['bowl'])
  assert budget == ('bowl', *[''] * 7)
