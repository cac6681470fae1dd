import io
import types

from awopt_agent.train.launching import plan, supervisor, table


class Terminal(io.StringIO):
  def isatty(self):
    return True


def watched(name, *, up=True, waiting=False, **changes):
  role = plan.Role(name, name.split('-')[0], ())
  handle = types.SimpleNamespace(waiting=waiting) if up else None
  return supervisor.Watched(role, handle=handle, started_at=100.0, **changes)


LEARNER = {
  'time': 1000.0,
  'unit': 'steps',
  'count': 1200,
  'rate': 81.25,
  'note': '40 episodes',
}
COLLECTOR = {
  'time': 1000.0,
  'unit': 'episodes',
  'count': 30,
  'rate': 2.5,
  'note': '',
}


def test_a_row_tells_state_age_count_and_rate():
  lines = table.render(
    [watched('learner', restarts=2)],
    {'learner': LEARNER},
    now=1003.0,
    monotonic=3825.0,
    width=120,
  )
  # Up for 3,725 seconds: an hour, two minutes, five seconds.
  assert lines[1].split() == [
    'learner',
    'up',
    '1:02:05',
    '2',
    '1200',
    'steps',
    '81.2/s',
    '3',
    's',
    '40',
    'episodes',
  ]


def test_a_role_without_a_report_has_a_row():
  lines = table.render(
    [watched('learner', up=False)], {}, now=0, monotonic=0, width=120
  )
  assert lines[1].split() == ['learner', 'down', '0:00:00', '0']


def test_rows_fit_the_terminal():
  lines = table.render(
    [watched('learner')],
    {'learner': {**LEARNER, 'note': 'x' * 200}},
    now=1000,
    monotonic=100,
    width=60,
  )
  assert max(map(len, lines)) == 60


def test_a_line_sums_the_roles_of_a_kind():
  roles = [watched('collector-0'), watched('collector-1', restarts=1)]
  line = table.summarize(
    roles, {'collector-0': COLLECTOR, 'collector-1': COLLECTOR}, now=1001.0
  )
  assert line == '2 collectors 60 episodes 5.0/s, 1 restarts'


def test_old_reports_have_no_rate():
  line = table.summarize([watched('learner')], {'learner': LEARNER}, now=1100.0)
  assert line == 'learner 1200 steps 0.0/s'


def test_who_has_not_reported_starts():
  assert table.summarize([watched('learner')], {}, now=0) == 'learner starts'


def test_who_has_no_place_waits():
  roles = [watched('collector-0'), watched('collector-1', waiting=True)]
  lines = table.render(roles, {}, now=0, monotonic=100.0, width=80)
  assert [line.split()[1] for line in lines[1:]] == ['up', 'waiting']
  line = table.summarize(roles, {}, now=0)
  assert line == 'collector starts, 1 waiting for a place'


def test_redraws_over_the_last_table(monkeypatch):
  monkeypatch.setattr(table.os, 'get_terminal_size', lambda _: _Size())
  monkeypatch.setattr(Terminal, 'fileno', lambda self: 1)
  monkeypatch.setattr(table, '_REDRAW_S', 0.0)
  stream = Terminal()
  shown = table.LiveTable(lambda: {}, stream)
  shown.update([watched('learner')])
  shown.say('a line that stays')
  # Two lines up, then all below is cleared.
  assert '\x1b[2F\x1b[Ja line that stays\n' in stream.getvalue()


class _Size:
  columns = 100


def test_follows_whole_lines_that_are_new(tmp_path):
  log = tmp_path / 'log'
  log.write_text('old\n')
  follower = table.Follower(str(log))
  assert follower.new_lines() == []
  with log.open('a') as file:
    file.write('one\ntwo\nthr')
  assert follower.new_lines() == ['one', 'two']
  with log.open('a') as file:
    file.write('ee\n')
  assert follower.new_lines() == ['three']


def test_follows_a_log_that_is_not_there_yet(tmp_path):
  follower = table.Follower(str(tmp_path / 'log'))
  assert follower.new_lines() == []
  (tmp_path / 'log').write_text('one\n')
  assert follower.new_lines() == ['one']
