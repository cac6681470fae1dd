import contextlib
import socket
import threading

import pytest

from awopt_agent.train import rendezvous


def free_addresses(count):
  with contextlib.ExitStack() as stack:
    sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
    for one in sockets:
      one.bind(('localhost', 0))
    return [f'localhost:{one.getsockname()[1]}' for one in sockets]


def listen_at(address):
  return socket.create_server(('', int(address.rpartition(':')[2])))


class Worker(threading.Thread):
  """Meets the others; then its port is TensorFlow's, until all are done."""

  def __init__(self, addresses, index, all_done):
    super().__init__(daemon=True)
    self._own = addresses[index]
    self._others = [*addresses[:index], *addresses[index + 1 :]]
    self._all_done = all_done
    self.met = threading.Event()

  def run(self):
    rendezvous.meet(self._own, self._others, limit_s=20)
    with listen_at(self._own):
      self.met.set()
      self._all_done.wait(20)


def test_nobody_goes_on_before_the_last_one_is_there():
  addresses, all_done = free_addresses(3), threading.Event()
  workers = [Worker(addresses, index, all_done) for index in range(3)]
  workers[0].start()
  workers[1].start()
  assert not workers[0].met.wait(0.5)
  assert not workers[1].met.is_set()
  workers[2].start()
  assert all(worker.met.wait(10) for worker in workers)
  all_done.set()


def test_one_worker_waits_for_none():
  (own,) = free_addresses(1)
  rendezvous.meet(own, [], limit_s=20)
  listen_at(own).close()  # It left its port.


def test_who_waits_says_for_whom_and_can_be_ended(capsys, monkeypatch):
  monkeypatch.setattr(rendezvous, '_PATIENCE_S', 0.0)
  own, other = free_addresses(2)
  checks = []

  def check():
    checks.append(True)
    if len(checks) == 3:
      raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    rendezvous.meet(own, [other], limit_s=20, check=check)
  assert capsys.readouterr().out == f'{own} waits for {other}\n'


def test_a_port_that_is_taken_is_told():
  own, other = free_addresses(2)
  with listen_at(own), pytest.raises(OSError, match='cannot listen at port'):
    rendezvous.meet(own, [other], limit_s=20)


def test_who_never_comes_is_named():
  own, other = free_addresses(2)
  with pytest.raises(TimeoutError) as raised:
    rendezvous.meet(own, [other], limit_s=0.3)
  line = str(raised.value)
  assert line.startswith(f'{own} waited 0 s for the worker {other} ')
  assert len(line.splitlines()) == 1


def own_address():
  """Returns an address of this machine that is not loopback, or skips."""
  with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
    try:
      asked.connect(('192.0.2.1', 9))  # Sends nothing.
    except OSError:
      pytest.skip('this machine has no network')
    return asked.getsockname()[0]


def answers(host, port):
  try:
    socket.create_connection((host, port), 1).close()
  except OSError:
    return False
  return True


def doors_of(address):
  """Returns whether loopback and the network reach a worker that waits."""
  outside = own_address()
  own = f'{address}:{free_addresses(1)[0].rpartition(":")[2]}'
  port = int(own.rpartition(':')[2])
  found = []

  def check():
    found.append((answers('127.0.0.1', port), answers(outside, port)))
    raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    rendezvous.meet(own, ['127.0.0.1:1'], limit_s=20, check=check)
  return found[0]


def test_the_door_is_at_the_workers_own_address():
  assert doors_of('localhost') == (True, False)
  assert doors_of('127.0.0.1') == (True, False)
  assert doors_of(own_address()) == (False, True)


def test_a_name_of_another_machine_opens_every_door():
  # As a service's, which passes on who asks for it.
  assert doors_of('192.0.2.1') == (True, True)


def test_a_name_that_is_loopback_here_is_something_else_elsewhere(monkeypatch):
  look_up = socket.getaddrinfo

  def as_debian(host, *args, **kwargs):
    host = '127.0.1.1' if host == 'node-7' else host
    return look_up(host, *args, **kwargs)

  monkeypatch.setattr(socket, 'getaddrinfo', as_debian)
  assert doors_of('node-7') == (True, True)
