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
    rendezvous.meet(self._own, self._others)
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
  rendezvous.meet(own, [])
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
    rendezvous.meet(own, [other], check=check)
  assert capsys.readouterr().out == f'{own} waits for {other}\n'


def test_a_port_that_is_taken_is_told():
  own, other = free_addresses(2)
  with listen_at(own), pytest.raises(OSError, match='cannot listen at port'):
    rendezvous.meet(own, [other])
