"""awopt-report as a program: a suite that is stopped, and goes on."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from awopt_agent.trials import records

pytestmark = [pytest.mark.programs, pytest.mark.timeout(600)]

_LIMIT_S = 240
# 400 steps of pre-training last long enough to be stopped in.
_SUITE = """
include 'suite/smoke.gin'
Suite.grids = [@offline/Grid()]
offline/Grid.variants = ['bc', 'awopt']
offline/Grid.bindings = [
    "TrainConfig.demonstrations = 'demos/smoke'",
    'TrainConfig.pretrain_steps = 400',
    'TrainConfig.practice_episodes = 8',
]
"""


@pytest.fixture(name='start')
def _start(tmp_path):
  """Starts awopt-report in a folder of its own."""
  (tmp_path / 'mine.gin').write_text(_SUITE)

  def start(*flags):
    root = str(pathlib.Path(__file__).parent.parent.parent)
    return subprocess.Popen(
      [
        *(sys.executable, '-m', 'awopt_agent.trials.report_cli'),
        *('--suite', 'mine.gin', '--records', 'records', *flags),
      ],
      cwd=tmp_path,
      env={**os.environ, 'PYTHONPATH': root},
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      text=True,
    )

  return start


def _finish(process):
  out, _ = process.communicate(timeout=_LIMIT_S)
  return process.returncode, out


def _wait_for(process, *paths):
  end = time.monotonic() + _LIMIT_S
  while not all(path.exists() for path in paths):
    if time.monotonic() > end or process.poll() is not None:
      process.kill()
      pytest.fail(f'nothing to stop: {process.communicate()}')
    time.sleep(0.05)


def test_a_suite_that_was_stopped_goes_on_and_is_recorded(start, tmp_path):
  trials = tmp_path / 'runs' / 'trials'
  folder = trials / 'smoke_offline'
  first = start()
  _wait_for(first, folder / 'bc' / '0' / 'config.gin')
  time.sleep(1.0)  # Into its training.
  first.send_signal(signal.SIGTERM)
  code, out = _finish(first)
  assert code == 1, out
  assert 'stopped, 0 of 2 trials done; the same command goes on.' in out
  assert records.read_all(str(tmp_path / 'records')) == []

  code, out = _finish(start())
  assert code == 0, out
  assert out.splitlines()[-1] == '2 of 2 trials done; records in records'
  one, two = records.read_all(str(tmp_path / 'records'))
  assert (one.trial, two.trial) == (
    'smoke_offline/awopt/0',
    'smoke_offline/bc/0',
  )
  # They learnt from what was recorded for them, by a name that holds anywhere.
  assert "TrainConfig.demonstrations = 'demos/smoke'" in one.config
  assert one.sources == two.sources
  for record in (one, two):
    phases = [point.phase for point in record.points]
    assert [phases[0], *phases[-2:]] == ['pretrain', 'end', 'evaluate']
    assert record.points[0].learner_step == 400
    assert record.points[-1].bindings == ("make.world = 'real'",)
    assert all(record.judged(point) for point in record.points)
    times = [point.seconds for point in record.points]
    assert times == sorted(times)
  assert [record.points[-1].episodes >= 8 for record in (one, two)] == [1, 1]

  code, out = _finish(start('--list'))
  assert (code, out.splitlines()[-1]) == (0, '2 trials: 2 done')
