"""How somebody stops a robot: by signals, buttons, files and keys."""

import contextlib
import os
import select
import signal
import socket
import sys
import termios
import threading
import tty
from collections.abc import Callable, Sequence
from typing import Any, TextIO

__all__ = ['Button', 'Buttons', 'Keyboard', 'Signals', 'file_appears']

# Tells whether it was pressed; asked again and again.
Button = Callable[[], bool]

_POLL_S = 0.02
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def file_appears(path: str) -> Button:
  """Returns a button that is pressed once a file exists: `touch` it."""
  return lambda: os.path.exists(path)


class Signals:
  """Hears SIGINT, SIGTERM and SIGHUP at once, in a thread of its own.

  A handler in Python would have to wait until the main thread comes back from
  what it does, such as a policy that hangs. A second SIGINT interrupts as
  usual. In other threads than the main one nothing can be heard, and the
  program's own handlers stay.
  """

  def __init__(self, press: Callable[[str], None]):
    """Prepares.

    Args:
      press: Receives the name of a signal.
    """
    self._press = press
    self._before: dict[int, Any] = {}
    self._writer: socket.socket | None = None

  def __enter__(self) -> 'Signals':
    if threading.current_thread() is not threading.main_thread():
      return self
    reader, self._writer = socket.socketpair()
    self._writer.setblocking(False)
    self._before_fd = signal.set_wakeup_fd(
      self._writer.fileno(), warn_on_full_buffer=False
    )
    for number in _SIGNALS:
      # What nohup ignores stays ignored.
      if signal.getsignal(number) != signal.SIG_IGN:
        self._before[number] = signal.signal(number, self._note)
    threading.Thread(
      target=self._listen, args=(reader,), name='signals', daemon=True
    ).start()
    return self

  def __exit__(self, *_) -> None:
    if self._writer is None:
      return
    for number, handler in self._before.items():
      signal.signal(number, handler)
    self._before = {}
    signal.set_wakeup_fd(self._before_fd)
    self._writer.close()
    self._writer = None

  def _note(self, number, frame) -> None:
    """Python wakes the thread only where there is a handler."""
    if number == signal.SIGINT:
      signal.signal(number, signal.default_int_handler)

  def _listen(self, reader: socket.socket) -> None:
    with reader:
      while heard := reader.recv(1):
        if heard[0] in _SIGNALS:
          self._press(signal.Signals(heard[0]).name)


class Buttons:
  """Looks at buttons, each in a thread of its own: any of them may hang."""

  def __init__(self, buttons: Sequence[Button], press: Callable[[str], None]):
    """Prepares.

    Args:
      buttons: What to look at.
      press: Receives a line for a button that is pressed, or that fails.
    """
    self._buttons = buttons
    self._press = press
    self._closed = threading.Event()

  def __enter__(self) -> 'Buttons':
    for button in self._buttons:
      threading.Thread(
        target=self._watch, args=(button,), name='button', daemon=True
      ).start()
    return self

  def __exit__(self, *_) -> None:
    self._closed.set()

  def _watch(self, button: Button) -> None:
    while True:
      try:
        pressed = button()
      except Exception as error:  # A button that fails cannot be relied on.
        self._press(f'a stop button failed ({type(error).__name__}: {error}).')
        return
      if pressed:
        self._press('a stop button was pressed.')
        return
      if self._closed.wait(_POLL_S):
        return


class Keyboard:
  """Keys of a terminal, without Enter.

  Use as a context: it gives the terminal back as it was.
  """

  def __init__(self, stream: TextIO | None = None):
    """Prepares.

    Args:
      stream: A terminal; standard input by default.
    """
    self._stream = stream or sys.stdin
    self._pressed: set[str] = set()
    self._failure: Exception | None = None
    self._closed = False

  def __enter__(self) -> 'Keyboard':
    self._file = self._stream.fileno()
    if not os.isatty(self._file):
      raise ValueError(
        'standard input is no terminal, and has no keys; use another button, '
        'such as file_appears.'
      )
    self._before = termios.tcgetattr(self._file)
    tty.setcbreak(self._file)
    self._thread = threading.Thread(
      target=self._read, name='keyboard', daemon=True
    )
    self._thread.start()
    return self

  def __exit__(self, *_) -> None:
    self._closed = True
    self._thread.join()
    with contextlib.suppress(termios.error):  # The terminal may be gone.
      termios.tcsetattr(self._file, termios.TCSADRAIN, self._before)

  def key(self, key: str) -> Button:
    """Returns a button: whether a key was pressed since it was last asked.

    It raises once the terminal is gone, and no key can be pressed any more.
    """

    def was_pressed() -> bool:
      if self._failure is not None:
        raise self._failure
      pressed = key in self._pressed
      self._pressed.discard(key)
      return pressed

    return was_pressed

  def clear(self, *keys: str) -> None:
    """Forgets that some keys were pressed, as at the start of an episode.

    Args:
      *keys: Not those that stop the robot.
    """
    self._pressed.difference_update(keys)

  def _read(self) -> None:
    try:
      while not self._closed:
        if select.select([self._file], [], [], _POLL_S)[0]:
          self._note(os.read(self._file, 64))
    except OSError as error:
      self._failure = error

  def _note(self, typed: bytes) -> None:
    if not typed:
      raise OSError('the terminal is closed')
    self._pressed.update(typed.decode(errors='replace'))
