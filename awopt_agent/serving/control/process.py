"""A robot in a process of its own, which stops it when nobody is left.

A thread that stops the robot needs Python's lock: a policy that holds it, or
a process that is killed, leaves no thread to do so. The robot's process stops
it when the loop's process has sent no sign of life.
"""

import atexit
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing import connection
from typing import Any

from awopt_agent.serving.control import robot as robot_lib

__all__ = ['RobotProcess']

_BEAT, _STOP = b'beat', b'stop'
_BEATS_A_LIMIT = 5
# How long a stop may take to be confirmed.
_STOP_LIMIT_S = 0.1
_END_LIMIT_S = 5.0
_DEAF_TO = (
  signal.SIGINT,
  signal.SIGTERM,
  signal.SIGHUP,
  signal.SIGQUIT,
  signal.SIGTSTP,
)


class RobotProcess:
  """Runs a robot in another process; itself a `Robot`.

  After a gap in the signs of life the robot stands, and refuses every call
  until `resume`. Its code must not keep Python's lock for long:
  `stop` needs it.
  """

  def __init__(
    self,
    make: Callable[[], robot_lib.Robot],
    *,
    heartbeat_limit_s: float = 0.1,
    start_limit_s: float = 120.0,
  ):
    """Starts the process, and makes the robot there.

    Args:
      make: Makes the robot; found by its name in the other process, so a
        function or class of a module, or a `functools.partial` of one.
      heartbeat_limit_s: Without a sign of life for so long, the robot is
        stopped.
      start_limit_s: How long making may take.

    Raises:
      ConnectionError: If the process ends, or takes too long.
      Exception: Whatever `make` raises.
    """
    context = multiprocessing.get_context('spawn')
    self._calls, calls = context.Pipe()
    self._line, line = context.Pipe()
    self._process = context.Process(
      target=_serve, args=(make, calls, line, heartbeat_limit_s), daemon=True
    )
    self._process.start()
    calls.close()
    line.close()
    self._calls_lock = threading.Lock()
    self._line_lock = threading.Lock()
    self._closed = threading.Event()
    self._stops = 0
    try:
      self._wait_until_ready(start_limit_s)
    except BaseException:
      self._process.kill()
      self._process.join()
      raise
    # Before multiprocessing waits for what it cannot end.
    atexit.register(self.close)
    threading.Thread(
      target=self._beat,
      args=(heartbeat_limit_s / _BEATS_A_LIMIT,),
      name='heartbeat',
      daemon=True,
    ).start()

  @property
  def pid(self) -> int:
    """Of the robot's process."""
    assert self._process.pid is not None
    return self._process.pid

  def observe(self) -> robot_lib.Observed:
    """See `Robot`."""
    return self.call('observe')

  def act(self, action: Any) -> None:
    """See `Robot`."""
    self.call('act', action)

  def call(self, method: str, *args: Any) -> Any:
    """Calls any method of the robot, such as one that brings it home.

    Raises:
      ConnectionError: If the process is gone, or the robot stands since it
        heard nothing of us.
      Exception: Whatever the method raises.
    """
    with self._calls_lock:
      try:
        self._calls.send((method, args))
        value, error = self._calls.recv()
      except (EOFError, OSError) as gone:
        raise ConnectionError("the robot's process is gone.") from gone
    if error is not None:
      raise error
    return value

  def resume(self) -> None:
    """Lets a robot move again that stopped by itself."""
    self.call(_RESUME)

  def stop(self) -> None:
    """Stops the robot, while it hangs in `observe` or `act` too.

    Raises:
      ConnectionError: If it is not confirmed.
    """
    with self._line_lock:
      self._stops += 1
      message = b'%s %d' % (_STOP, self._stops)
      try:
        self._line.send_bytes(message)
        # What confirms an earlier one came too late for it.
        while self._line.poll(_STOP_LIMIT_S):
          if self._line.recv_bytes() == message:
            return
      except (EOFError, OSError) as gone:
        raise ConnectionError("the robot's process is gone.") from gone
    raise ConnectionError("the robot's process does not answer.")

  def close(self) -> None:
    """Stops the robot, and ends its process."""
    if self._closed.is_set():
      return
    self._closed.set()
    atexit.unregister(self.close)
    with contextlib.suppress(ConnectionError):
      self.stop()
    self._calls.close()
    self._process.join(_END_LIMIT_S)
    if self._process.is_alive():
      self._process.kill()
      self._process.join()
    self._line.close()

  def __enter__(self) -> 'RobotProcess':
    return self

  def __exit__(self, *_) -> None:
    self.close()

  def _wait_until_ready(self, limit_s: float) -> None:
    if not self._calls.poll(limit_s):
      raise ConnectionError(
        f"the robot's process was not ready within {limit_s:g} s."
      )
    try:
      _, error = self._calls.recv()
      if error is None:
        self._line.send_bytes(_BEAT)  # From here on, silence counts.
    except (EOFError, OSError) as gone:
      raise ConnectionError(
        "the robot's process ended while the robot was made."
      ) from gone
    if error is not None:
      raise error

  def _beat(self, every_s: float) -> None:
    while not self._closed.wait(every_s):
      with self._line_lock:
        try:
          self._line.send_bytes(_BEAT)
        except OSError:  # The next call tells that the process is gone.
          return


# No name that a method can have.
_RESUME = '-resume'


def _serve(make, calls, line, heartbeat_limit_s: float) -> None:
  """Is the robot's process."""
  # What ends or suspends the loop's process must not reach this one, which
  # stops the robot then: neither from its terminal nor from its group.
  os.setsid()
  for number in _DEAF_TO:
    signal.signal(number, signal.SIG_IGN)
  try:
    robot = make()
  except BaseException as error:  # Whatever it is, ours to pass on.
    _send(calls, (None, error))
    return
  alone = threading.Event()
  threading.Thread(
    target=_listen,
    args=(robot, line, heartbeat_limit_s, alone),
    name='line',
    daemon=True,
  ).start()
  _send(calls, (None, None))
  try:
    while True:
      method, args = calls.recv()
      _send(calls, _answer(robot, method, args, alone))
  except (EOFError, OSError):  # Nobody is left.
    pass
  finally:
    _stop(robot)


def _answer(robot, method: str, args, alone: threading.Event):
  if method == _RESUME:
    alone.clear()
    return None, None
  if alone.is_set():
    return None, _alone_error()
  answer: tuple[Any, Exception | None]
  try:
    answer = getattr(robot, method)(*args), None
  except Exception as error:  # Whatever the robot's code has.
    answer = None, error
  if alone.is_set():
    # It may have moved the robot since that stopped by itself.
    _stop(robot)
    return None, _alone_error()
  return answer


def _alone_error() -> ConnectionError:
  return ConnectionError(
    'the robot stopped by itself, since it heard nothing of the loop; call '
    'resume() once it is safe.'
  )


def _send(calls: connection.Connection, answer) -> None:
  try:
    calls.send(answer)
  except (BrokenPipeError, ConnectionResetError):
    raise
  except Exception as error:  # An answer, or an error, that cannot travel.
    told = answer[1] or error
    calls.send((None, RuntimeError(f'{type(told).__name__}: {told}')))


def _listen(robot, line, limit_s: float, alone: threading.Event) -> None:
  """Stops the robot when it is told to, and when nothing is heard."""
  # Nobody is late before the first sign of life.
  limit: float | None = None
  while True:
    try:
      heard = line.poll(limit)
      message = line.recv_bytes() if heard else b''
    except (EOFError, OSError):
      alone.set()
      _stop(robot)
      return
    if not heard:
      alone.set()
    if heard and not message.startswith(_STOP):
      limit = limit_s
      continue
    stopped = _stop(robot)
    if stopped and heard:
      with contextlib.suppress(OSError):
        line.send_bytes(message)
    # One stop for a silence: what comes next, whenever, is heard.
    limit = None if stopped and not heard else limit_s


def _stop(robot) -> bool:
  """Returns whether it succeeded; whoever asks tries again."""
  try:
    robot.stop()
  except Exception:
    return False
  return True
