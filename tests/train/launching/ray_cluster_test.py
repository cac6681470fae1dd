import contextlib
import importlib.util
import os
import signal
import socket
import sys
import time

import psutil
import pytest

from awopt_agent.train.launching import (
  plan,
  ray_cluster,
  ray_place,
  role_process,
  supervisor,
)
from awopt_agent.train.roles import config as roles_config

_TOKENS = ('RAY_AUTH_MODE', 'RAY_AUTH_TOKEN', 'RAY_AUTH_TOKEN_PATH')


@pytest.fixture(name='environment')
def _environment(monkeypatch, tmp_path):
  """No token, no cluster; what the module sets is taken back."""
  before = dict(os.environ)
  monkeypatch.setenv('HOME', str(tmp_path))
  for name in (*_TOKENS, 'RAY_ADDRESS'):
    monkeypatch.delenv(name, raising=False)
  yield monkeypatch
  for name in set(os.environ) - set(before):
    del os.environ[name]


@pytest.mark.parametrize(
  'address',
  ['auto', 'local', 'head:6379', '10.0.0.1:1', 'ray://head:10001', '[::1]:7'],
)
def test_takes_what_ray_takes(environment, address):
  ray_cluster.check_address(address)


@pytest.mark.parametrize('address', ['', 'head', 'http://head:1', 'a b:1'])
def test_refuses_what_is_no_address(environment, address):
  with pytest.raises(ValueError, match='must be auto, local, host:port or'):
    ray_cluster.check_address(address)


def test_refuses_a_token_that_is_turned_off(environment):
  environment.setenv('RAY_AUTH_MODE', 'disabled')
  with pytest.raises(ValueError, match="RAY_AUTH_MODE is 'disabled'"):
    ray_cluster.check_address('auto')


def test_names_the_extra_that_is_missing(environment):
  environment.setitem(sys.modules, 'ray', None)
  with pytest.raises(ValueError, match=r"pip install 'awopt-agent\[ray\]'"):
    with ray_cluster.connected('local', cpus=1):
      pass


@pytest.mark.parametrize('client', ['', 'ray://'])
def test_nobody_there_is_said_at_once(environment, client):
  with socket.create_server(('localhost', 0)) as taken:
    port = taken.getsockname()[1]
  with pytest.raises(OSError, match=f'localhost:{port}: nobody answers'):
    with ray_cluster.connected(f'{client}localhost:{port}', cpus=1):
      pass


@pytest.mark.parametrize('given', ['variable', 'path', 'file', 'none'])
def test_a_token_is_made_where_there_is_none(environment, tmp_path, given):
  if given == 'variable':
    environment.setenv('RAY_AUTH_TOKEN', 'mine')
  elif given == 'path':
    environment.setenv('RAY_AUTH_TOKEN_PATH', 'somewhere')
  elif given == 'file':
    (tmp_path / '.ray').mkdir()
    (tmp_path / '.ray' / 'auth_token').write_text('mine')
  ray_cluster._set_environment('local')
  assert os.environ['RAY_AUTH_MODE'] == 'token'
  token = os.environ.get('RAY_AUTH_TOKEN', '')
  expected = {'variable': 4, 'none': 64}.get(given, 0)
  assert len(token) == expected


class Run:
  """A run of fakes on a real Ray, and what is done to it on the way.

  Attributes:
    said: Lines.
    pids: Of each collector's process, in order.
    listening: Addresses where Ray's processes listen.
  """

  def __init__(self, place, logs):
    self.said, self.pids, self.listening = [], [], set()
    self._logs = logs
    roles = plan.make_plan(
      common=['--root_dir', 'r'],
      replay_address=f'{ray_place.PLANNED_HOST}:0',
      collectors=1,
      bellman_updaters=0,
      evaluator=False,
    )
    self.watch = supervisor.Supervisor(
      roles, place, restart_limit=2, say=self.said.append
    )
    self.finished = self.watch.run(self._step)

  def _step(self):
    """Kills the collector once, and stops when it is there again."""
    lines = self.lines('collector-0')
    pids = [int(line.split()[1]) for line in lines if 'collector' in line]
    if len(pids) == len(self.pids) + 1:
      self.pids = pids
      if len(pids) == 1:
        self.listening = _listening()
        os.kill(pids[0], signal.SIGKILL)
    return len(self.pids) == 2

  def lines(self, name):
    with contextlib.suppress(FileNotFoundError):
      return (self._logs / f'{name}.log').read_text().splitlines()
    return []


def _listening():
  """Returns the addresses where children of this process listen."""
  found = set()
  for process in psutil.Process().children(recursive=True):
    with contextlib.suppress(psutil.Error):
      found |= {
        connection.laddr.ip
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
      }
  return found


def _end(pid):
  """Waits for the end of a process that is no child."""
  end = time.monotonic() + 10
  while psutil.pid_exists(pid) and time.monotonic() < end:
    time.sleep(0.05)
  return not psutil.pid_exists(pid)


@pytest.mark.programs
def test_a_role_is_started_killed_started_again_and_stopped(
  environment, tmp_path, capfd
):
  if importlib.util.find_spec('ray') is None:
    pytest.skip('needs the extra ray')
  environment.setattr(
    role_process, '_MODULE', 'tests.train.launching.fake_role'
  )
  before = signal.getsignal(signal.SIGTERM)
  with ray_cluster.connected('local', cpus=3) as ray:
    place = ray_place.RayPlace(ray, str(tmp_path), roles_config.RayConfig())
    run = Run(place, tmp_path / 'logs')
  assert not run.finished
  assert run.said == ['collector-0 was killed by signal 9; it is started again']
  assert run.pids[0] != run.pids[1]
  for name in ('replay', 'learner', 'collector-0'):
    assert run.lines(name)[-1] == 'role: stopped'
    assert place.last_line(name) == 'role: stopped'
  port = run.lines('replay')[0].split()[-1]
  assert f'--replay_address 127.0.0.1:{port}' in run.lines('learner')[0]
  assert run.listening <= {'127.0.0.1', '::ffff:127.0.0.1', '::1'}
  assert _end(run.pids[1])
  assert signal.getsignal(signal.SIGTERM) == before
  assert capfd.readouterr() == ('', ''), 'Ray is to be quiet'
