import pytest

from awopt_agent.trials.evidence import judging, results
from tests.trials.evidence import made_up


def gather(tmp_path, *methods):
  made_up.write(tmp_path / 'records', *methods)
  return results.gather(str(tmp_path / 'records'))


def test_all_is_gathered_from_a_folder(tmp_path):
  (tmp_path / 'notes.toml').write_text('[claims]\n4 = "so"\n')
  found = gather(
    tmp_path,
    made_up.method('compostables', 'qt_opt', [(0, 0.5)] * 2),
    made_up.method('compostables', 'awac', [(0.2, 0.1)] * 2),
    made_up.method('positives', 'awac', [(0.2, 0.2)] * 2, episodes=0),
  )
  assert len(found.records) == 6
  assert len(found.claims) == 11
  shown = [one.table.figure.name for one in found.panels]
  # Whatever has one of its methods is shown.
  assert shown == ['figure_2', 'figure_3', 'figure_8_task_5', 'peers_task_5']
  assert all(one.svgs.keys() == {'episodes', 'seconds'} for one in found.panels)
  assert 'Figure 4: who explores' in found.not_run
  assert [table.title for table in found.worlds] == [
    'successes alone, offline',
    'Task 5, with practice',
  ]
  assert [one.grid for one in found.budgets] == ['compostables', 'positives']
  done = {cost.suite: cost.done for cost in found.costs}
  assert done['figure_2'] == 4
  assert 'figure_4' not in done
  assert found.notes.claims == {'4': 'so'}


def test_a_mixture_has_no_curves(tmp_path):
  found = gather(
    tmp_path,
    made_up.method('compostables', 'qt_opt', [(0, 0.5)]),
    made_up.method('compostables', 'awac', [(0.2, 0.1)], sources='other'),
  )
  panels = {one.table.figure.name: one for one in found.panels}
  assert panels['figure_2'].svgs == {}
  assert panels['figure_3'].svgs


def test_without_records_nothing_was_run(tmp_path):
  found = results.gather(str(tmp_path / 'records'))
  assert {one.verdict for one in found.claims} == {judging.Verdict.NOT_RUN}
  assert found.panels == () and found.costs == ()


def test_notes_on_no_claim_are_refused(tmp_path):
  (tmp_path / 'notes.toml').write_text('[claims]\n12 = "so"\n')
  with pytest.raises(ValueError, match='has 12'):
    results.gather(str(tmp_path / 'records'))
