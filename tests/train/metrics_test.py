import json

import pytest

from awopt_agent.train import metrics

_RATE = {'rate': 0.5, 'n': 8, 'low': 0.25, 'high': 0.75}


@pytest.fixture(name='path')
def _path(tmp_path):
  return tmp_path / 'metrics.jsonl'


def test_each_record_is_a_line_and_stays(path):
  metrics.MetricsLog(str(path)).append({'phase': 'a', 'learner_step': 1})
  metrics.MetricsLog(str(path)).append({'phase': 'b', 'learner_step': 2})
  lines = path.read_text().splitlines()
  assert [json.loads(line)['phase'] for line in lines] == ['a', 'b']


def test_a_line_that_was_cut_spoils_neither_the_next_nor_the_reader(path):
  log = metrics.MetricsLog(str(path))
  log.append({'phase': 'end', 'learner_step': 1, 'success': {'actor': _RATE}})
  with path.open('a') as file:
    file.write('{"learner_step": 1, "succ')
  log.append({'phase': 'end', 'learner_step': 1, 'success': {'cem': _RATE}})
  assert len(path.read_text().splitlines()) == 3
  assert log.success_at(1) == {'actor': _RATE, 'cem': _RATE}


def test_finds_the_last_rates_of_a_step(path):
  log = metrics.MetricsLog(str(path))
  log.append(
    {'phase': 'end', 'learner_step': 1, 'success': {'actor': {**_RATE, 'n': 4}}}
  )
  log.append({'phase': 'end', 'learner_step': 1, 'success': {'actor': _RATE}})
  log.append({'learner_step': 1, 'phase': 'resume'})
  log.append({'phase': 'end', 'learner_step': 2, 'success': {'cem': _RATE}})
  assert log.success_at(1) == {'actor': _RATE}
  assert log.success_at(3) == {}


def test_no_file_holds_no_rates(path):
  assert metrics.MetricsLog(str(path)).success_at(1) == {}


def test_a_disk_that_cannot_be_written_is_an_error(path):
  with pytest.raises(OSError):
    metrics.MetricsLog(str(path / 'below')).append({})


def test_what_another_program_measured_is_not_the_runs_own(path):
  log = metrics.MetricsLog(str(path))
  log.append({'phase': 'end', 'learner_step': 1, 'success': {'cem': _RATE}})
  other = {**_RATE, 'n': 2}
  log.append(
    {'phase': 'evaluate', 'learner_step': 1, 'success': {'cem': other}}
  )
  assert log.success_at(1) == {'cem': _RATE}


def test_rates_of_weights_that_were_lost_are_forgotten(path):
  log = metrics.MetricsLog(str(path))
  log.append(
    {'phase': 'practice', 'learner_step': 9, 'success': {'cem': _RATE}}
  )
  log.append({'phase': 'resume', 'learner_step': 5})
  assert log.success_at(9) == {}


def test_records_are_read_without_those_that_were_cut():
  lines = ['{"step": 1}\n', '{"step": 2, "pha\n', '\n', '{"step": 3}']
  assert list(metrics.records(lines)) == [{'step': 1}, {'step': 3}]
