import io
import itertools
import sys

import pytest

from awopt_agent.train import progress


@pytest.fixture(name='clock')
def _clock(monkeypatch):
  """Makes each look at the clock 10 s later than the one before."""
  ticks = itertools.count(0, 10)
  monkeypatch.setattr(progress.time, 'monotonic', lambda: next(ticks))


class _Terminal(io.StringIO):
  def isatty(self):
    return True


def test_without_a_terminal_lines_are_plain_and_rare(clock, capsys):
  bar = progress.Progress('practice', 'episodes', total=100)  # At 0 s.
  bar.update(10, 'going')  # At 10 s: too early for a line.
  bar.update(20, 'well')  # At 20 s; the rate is asked at 40 s.
  bar.close()
  # 20 in 40 s; the other 80 take 160 s.
  assert capsys.readouterr() == (
    'practice: 20/100 episodes, 0.5/s, 2:40 left  well\n',
    '',
  )


def test_the_rate_of_a_resumed_phase_counts_its_own_part(clock, capsys):
  bar = progress.Progress('practice', 'episodes', total=100, start=60)
  bar.update(70)
  bar.update(80)
  # 20 in 40 s; the other 20 take as long.
  assert capsys.readouterr().out == (
    'practice: 80/100 episodes, 0.5/s, 0:40 left\n'
  )


def test_what_is_slow_is_told_by_the_hour(clock, capsys):
  bar = progress.Progress('trials', 'trials', total=100, line_every_s=5.0)
  bar.update(1)  # At 10 s; the rate is asked at 30 s.
  # 1 in 30 s is 120 an hour; the other 99 take 2,970 s.
  assert capsys.readouterr().out == (
    'trials: 1/100 trials, 120.0/h, 49:30 left\n'
  )


def test_no_progress_promises_no_end(clock, capsys):
  bar = progress.Progress('practice', 'episodes', total=100)
  bar.update(0)
  bar.update(0)
  assert capsys.readouterr().out == 'practice: 0/100 episodes\n'


def test_a_line_that_stays_is_printed_at_once(capsys):
  bar = progress.Progress('practice', 'episodes', total=100)
  bar.say('success 0.50')
  assert capsys.readouterr().out == 'success 0.50\n'


def test_on_a_terminal_it_is_a_bar(monkeypatch, capsys):
  terminal = _Terminal()
  monkeypatch.setattr(sys, 'stderr', terminal)
  bar = progress.Progress('practice', 'episodes', total=100, start=50)
  bar.update(75, 'well')
  bar.say('success 0.50')
  bar.close()
  assert '75/100' in terminal.getvalue()
  assert 'well' in terminal.getvalue()
  assert capsys.readouterr().out == 'success 0.50\n'
