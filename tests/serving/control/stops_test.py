import os
import pty
import signal
import threading
import time

import pytest

from awopt_agent.serving.control import stops

# They keep a clock, and so have the machine to themselves.
pytestmark = pytest.mark.programs


@pytest.fixture(name='pressed')
def _pressed():
  return Pressed()


class Pressed(list):
  """Lines that were received."""

  def __call__(self, line):
    self.append(line)

  def wait(self):
    deadline = time.monotonic() + 5
    while not self:
      assert time.monotonic() < deadline
      time.sleep(0.005)


@pytest.mark.parametrize('name', ['SIGINT', 'SIGTERM'])
def test_hears_a_signal_and_gives_the_handlers_back(pressed, name):
  number = signal.Signals[name]
  before = signal.getsignal(number)
  with stops.Signals(pressed):
    os.kill(os.getpid(), number)
    pressed.wait()
  assert pressed == [name]
  assert signal.getsignal(number) == before
  assert signal.set_wakeup_fd(-1) == -1


def test_a_second_interrupt_interrupts(pressed):
  with pytest.raises(KeyboardInterrupt), stops.Signals(pressed):
    os.kill(os.getpid(), signal.SIGINT)
    pressed.wait()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)


def test_other_threads_leave_the_handlers_alone(pressed):
  before = signal.getsignal(signal.SIGTERM)

  def run():
    with stops.Signals(pressed):
      assert signal.getsignal(signal.SIGTERM) == before

  thread = threading.Thread(target=run)
  thread.start()
  thread.join()


def test_a_button_is_looked_at_while_another_hangs(pressed, tmp_path):
  back = threading.Event()
  path = str(tmp_path / 'stop')
  with stops.Buttons([back.wait, stops.file_appears(path)], pressed):
    time.sleep(0.05)
    assert not pressed
    with open(path, 'w', encoding='utf-8'):
      pass
    pressed.wait()
  back.set()
  assert pressed == ['a stop button was pressed.']


def test_a_button_that_fails_counts_as_pressed(pressed):
  def broken():
    raise OSError('unplugged')

  with stops.Buttons([broken], pressed):
    pressed.wait()
  assert pressed == ['a stop button failed (OSError: unplugged).']


def test_a_key_needs_no_enter():
  ours, theirs = pty.openpty()
  with os.fdopen(theirs, 'r', closefd=True) as stream:
    with stops.Keyboard(stream) as keyboard:
      success, failure = keyboard.key('s'), keyboard.key('f')
      assert not success()
      os.write(ours, b's')
      deadline = time.monotonic() + 5
      while not success():
        assert time.monotonic() < deadline
        time.sleep(0.005)
      assert not success() and not failure()
  os.close(ours)


def test_keys_of_a_terminal_that_is_gone_cannot_be_relied_on():
  ours, theirs = pty.openpty()
  with os.fdopen(theirs, 'r', closefd=True) as stream:
    keyboard = stops.Keyboard(stream)
    with keyboard:
      stop = keyboard.key(' ')
      assert not stop()
      os.close(ours)
      deadline = time.monotonic() + 5
      with pytest.raises(OSError, match='closed|[Ii]nput/output'):
        while True:
          assert time.monotonic() < deadline
          stop()
          time.sleep(0.005)


def test_only_the_keys_that_are_named_are_forgotten():
  ours, theirs = pty.openpty()
  with os.fdopen(theirs, 'r', closefd=True) as stream:
    with stops.Keyboard(stream) as keyboard:
      os.write(ours, b'sx')
      deadline = time.monotonic() + 5
      while keyboard._pressed != {'s', 'x'}:
        assert time.monotonic() < deadline
        time.sleep(0.005)
      keyboard.clear('s')
      assert not keyboard.key('s')() and keyboard.key('x')()
  os.close(ours)


def test_a_file_has_no_keys(tmp_path):
  path = tmp_path / 'file'
  path.touch()
  with path.open() as stream, pytest.raises(ValueError, match='no terminal'):
    stops.Keyboard(stream).__enter__()
