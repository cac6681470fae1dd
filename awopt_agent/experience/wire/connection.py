"""A replay server in another process: every wait for it has a limit."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent import futures
from typing import Any, TypeVar

import numpy as np
import reverb
import tensorflow as tf

from awopt_agent import files

__all__ = ['Connection', 'put', 'take']

T = TypeVar('T')

_ANSWER_S = 5.0
_CHECK_S = 0.2


class Connection:
  """Calls to a Reverb server, which never hang.

  Reverb's `sample`, and all that stands on it, waits for ever for a server
  that is gone, and holds up the signal handlers of the main thread: such calls
  run in a thread of their own, which is left behind when the limit is over.

  Attributes:
    client: Of the server; for calls that have a time limit of their own.
    address: `host:port` of the server.
    check: Called all the time in a wait; what it raises ends the wait.
  """

  def __init__(
    self,
    address: str,
    *,
    role: str,
    limit_s: float = 60.0,
    check: Callable[[], None] = lambda: None,
  ):
    """Connects to nothing yet.

    Args:
      address: `host:port`.
      role: Of the caller; errors name it.
      limit_s: Of calls that set none.
      check: As the attribute.

    Raises:
      ValueError: If the address is not `host:port`.
    """
    host, _, port = address.rpartition(':')
    if not host or not port.isdigit():
      raise ValueError(
        f"--replay_address must be host:port, got '{address}'; the replay "
        'role prints it when it starts.'
      )
    self.address = address
    self.client = reverb.Client(address)
    self.check = check
    self._role = role
    self._limit_s = limit_s

  def call(
    self,
    function: Callable[[], T],
    *,
    what: str,
    table: str,
    limit_s: float | None = None,
  ) -> T:
    """Calls a function that may hang.

    Args:
      function: What to call.
      what: What is waited for, such as 'to read the weights'.
      table: Of the server.
      limit_s: Seconds; None for the connection's own limit.

    Returns:
      What the function returns.

    Raises:
      TimeoutError: Naming role, address, table, and what was waited for; also
        if the server went away meanwhile.
    """
    limit_s = self._limit_s if limit_s is None else limit_s
    outcome: futures.Future[T] = futures.Future()

    def run() -> None:
      try:
        outcome.set_result(function())
      except BaseException as error:
        outcome.set_exception(error)

    threading.Thread(target=run, name=f'reverb {table}', daemon=True).start()
    end = time.monotonic() + limit_s
    while not futures.wait([outcome], _CHECK_S).done:
      self.check()
      if time.monotonic() > end:
        raise self.timeout(what, table, limit_s)
    try:
      return outcome.result()
    except reverb.errors.DeadlineExceededError as error:
      raise self.timeout(what, table, limit_s) from error
    except (tf.errors.InvalidArgumentError, tf.errors.NotFoundError):
      raise  # Ours, and the same at the next try.
    # So Reverb says that its server went away just now: Socket closed,
    # Connection reset by peer.
    except (RuntimeError, tf.errors.OpError) as error:
      raise self._lost(what, table, error) from error

  def timeout(self, what: str, table: str, limit_s: float) -> TimeoutError:
    """Returns the error of a wait that was too long."""
    return TimeoutError(
      f'{self._role}: waited {limit_s:.0f} s {what} (table {table!r} of the '
      f'replay server at {self.address}); start the replay role, or correct '
      '--replay_address.'
    )

  def _lost(self, what: str, table: str, error: Exception) -> TimeoutError:
    """Returns the error of a wait whose server went away."""
    return TimeoutError(
      f'{self._role}: lost the replay server at {self.address} '
      f'({files.first_line(error)}) while it waited {what} (table {table!r}); '
      'start the replay role again.'
    )

  def info(self, table: str, *, limit_s: float = _ANSWER_S) -> Any:
    """Returns Reverb's `TableInfo` of a table.

    Args:
      table: Of the server.
      limit_s: Seconds; a server that is silent for 5 is taken to be gone.

    Raises:
      TimeoutError: If the server does not answer.
      ValueError: If it has no such table.
    """
    limit_s = min(limit_s, _ANSWER_S)
    tables = self.call(
      lambda: self.client.server_info(timeout=max(1, int(limit_s))),
      what='for an answer',
      table=table,
      limit_s=limit_s,
    )
    if table not in tables:
      raise ValueError(
        f'{self._role}: the server at {self.address} has no table {table!r}, '
        f'but {", ".join(sorted(tables))}; is it the replay role of this run?'
      )
    return tables[table]

  def wait_for_item(
    self,
    table: str,
    *,
    what: str,
    limit_s: float | None = None,
  ) -> None:
    """Waits until the server is up and a table holds something.

    Args:
      table: Of the server.
      what: What the item is, such as 'for the first weights'.
      limit_s: Seconds.

    Raises:
      TimeoutError: If nothing came.
    """
    limit_s = self._limit_s if limit_s is None else limit_s
    end = time.monotonic() + limit_s
    while True:
      self.check()
      left_s = max(end - time.monotonic(), 0.0)
      try:
        if self.info(table, limit_s=left_s).current_size:
          return
      except TimeoutError:
        pass  # Not up yet, or just now starting again.
      if time.monotonic() > end:
        raise self.timeout(what, table, limit_s)
      time.sleep(0.1)


def put(
  client: reverb.Client,
  table: str,
  columns: Mapping[str, np.ndarray],
  *,
  limit_s: float,
) -> None:
  """Inserts whole arrays as one item, and waits until it is there.

  A writer of its own for each item: one that had to wait for its server
  delivers late, behind the back of its owner, and Reverb allows a writer only
  columns that keep their shape.

  Args:
    client: Of the server.
    table: With a signature of such columns.
    columns: Arrays by name.
    limit_s: Seconds.

  Raises:
    reverb.errors.DeadlineExceededError: If the server did not take it in time;
      it is not known then whether it did later.
    ValueError: If the columns do not fit the table's signature.
  """
  limit_ms = max(1, int(limit_s * 1000))
  writer = client.trajectory_writer(num_keep_alive_refs=1)
  try:
    writer.append(dict(columns))
    writer.create_item(
      table, 1.0, {name: writer.history[name][-1] for name in columns}
    )
    writer.flush(timeout_ms=limit_ms)
  finally:
    writer.close()


def take(
  client: reverb.Client, table: str, names: list[str], count: int = 1
) -> list[dict[str, np.ndarray]]:
  """Samples items that `put` inserted; hangs while there are none.

  Args:
    client: Of the server.
    table: To sample from.
    names: Of its columns.
    count: Number of items.

  Returns:
    Columns by name. Of a stranger's item with fewer or more, which Reverb lets
    pass if he wants it, none at all.
  """
  order = sorted(names)  # As Reverb flattens a dict.
  samples = client.sample(table, num_samples=count, emit_timesteps=False)
  return [
    dict(zip(order, sample.data, strict=True))
    if len(sample.data) == len(order)
    else {}
    for sample in samples
  ]
