import os

from awopt_agent.train.roles import reports


def test_others_read_what_a_role_reports(tmp_path):
  reports.Report(str(tmp_path), 'learner').update(
    'steps', 7, 'all well', target_age=2.5
  )
  report = reports.read_all(str(tmp_path))['learner']
  assert (report['unit'], report['count']) == ('steps', 7)
  assert report['note'] == 'all well'
  assert report['target_age'] == 2.5
  assert report['pid'] == os.getpid()


def test_writes_now_and_then(tmp_path):
  report = reports.Report(str(tmp_path), 'learner', every_s=3600)
  assert report.update('steps', 1)
  assert not report.update('steps', 2)
  assert reports.read_all(str(tmp_path))['learner']['count'] == 1
  assert report.update('steps', 3, last=True)
  assert reports.read_all(str(tmp_path))['learner']['count'] == 3


def test_the_rate_is_that_since_the_last_report(tmp_path, monkeypatch):
  clock = iter([100.0, 104.0])
  monkeypatch.setattr(reports.time, 'monotonic', lambda: next(clock))
  report = reports.Report(str(tmp_path), 'learner')
  report.update('steps', 10)
  report.update('steps', 30)
  # 20 steps in four seconds.
  assert reports.read_all(str(tmp_path))['learner']['rate'] == 5.0


def test_a_report_that_cannot_be_written_ends_nothing(tmp_path):
  report = reports.Report(str(tmp_path), 'learner')
  os.rmdir(tmp_path / 'roles')
  assert report.update('steps', 1)


def test_a_report_that_cannot_be_read_is_left_out_this_time(tmp_path):
  reports.Report(str(tmp_path), 'learner').update('steps', 1)
  (tmp_path / 'roles' / 'replay.json').write_text('{"unit": "epi')
  (tmp_path / 'roles' / 'evaluator.json').mkdir()  # An OSError.
  assert list(reports.read_all(str(tmp_path))) == ['learner']


def test_a_run_without_roles_has_no_reports(tmp_path):
  assert reports.read_all(str(tmp_path)) == {}
