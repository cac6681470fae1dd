"""A replay server of our own, in this process, and its checkpoints."""

import contextlib
import errno
import fcntl
import os
import shutil
import socket
import threading
from collections.abc import Iterator, Sequence

import reverb

from awopt_agent import files, structs
from awopt_agent.experience import records, restoring, tables

__all__ = ['Replay', 'check_port']

# At each save Reverb deletes all checkpoints but the one whose name sorts
# last; its own names begin with the year.
_RESTORED = '0_restored'


class Replay:
  """A Reverb server with the two tables, and a client.

  Reverb's own checkpointer writes to a temporary folder unless told
  otherwise, and deletes its last checkpoint at each save: `save` moves each
  one away, to the caller's folder.

  Attributes:
    client: A client of the server.
    port: Where the server listens.
    steps_per_item: n + 1.
  """

  def __init__(
    self,
    step_spec: structs.Experience,
    config: tables.ReplayConfig,
    *,
    steps_per_item: int,
    scratch: str,
    restore_from: str | None = None,
    port: int | None = None,
    more_tables: Sequence[reverb.Table] = (),
  ):
    """Starts the server.

    Args:
      step_spec: Specs of one step: `AwOptAgent.training_data_spec`.
      config: Sizes of the tables.
      steps_per_item: n + 1.
      scratch: Folder for Reverb's checkpointer, on the disk of the
        checkpoints; emptied, and of this server alone until it is closed.
      restore_from: Folder that `save` wrote; None for empty tables. The items
        come from there, all else from the configuration.
      port: Where to listen; None takes a free one.
      more_tables: Further tables, saved and restored too.

    Raises:
      ValueError: If `restore_from` holds no complete checkpoint of such
        tables, or the port is no port.
      OSError: If the port is taken, or another replay has the scratch folder.
    """
    self.steps_per_item = steps_per_item
    if port is not None:
      check_port(port)
    self._scratch = scratch
    self._saving = threading.Lock()
    every_table = [
      *tables.make_tables(step_spec, config, steps_per_item=steps_per_item),
      *more_tables,
    ]
    with contextlib.ExitStack() as stack:
      stack.enter_context(_alone(scratch))
      _empty(scratch)
      self._server = self._start(restore_from, every_table, port)
      self._kept = stack.pop_all()
    self.port = self._server.port
    self.client = self._server.localhost_client()

  def _start(
    self,
    restore_from: str | None,
    every_table: list[reverb.Table],
    port: int | None,
  ) -> reverb.Server:
    if restore_from is not None:
      return self._restore(restore_from, every_table, port)
    checkpointer = reverb.checkpointers.DefaultCheckpointer(self._scratch)
    return reverb.Server(every_table, port, checkpointer)

  def _restore(
    self, source: str, every_table: list[reverb.Table], port: int | None
  ) -> reverb.Server:
    adapted = os.path.join(self._scratch, _RESTORED)
    sizes = restoring.adapt(source, adapted, every_table)
    server = restoring.serve(
      self._scratch, every_table, source=source, sizes=sizes, port=port
    )
    # Else its disk space would stay in use until the next save.
    shutil.rmtree(adapted)
    return server

  @property
  def exposure(self) -> str:
    """The line that tells whom the server lets in: Reverb has no choice."""
    return (
      f'replay: Reverb listens on every network interface, port {self.port}, '
      'and asks no one for a password; keep strangers out '
      '(docs/deploy/security.md)'
    )

  def sizes(self) -> dict[str, int]:
    """Returns the number of items in each table."""
    info = self.client.server_info(timeout=30)
    return {name: table.current_size for name, table in info.items()}

  def save(self, folder: str) -> None:
    """Writes all items to a new folder, which appears whole or not at all.

    Raises:
      FileExistsError: If the folder exists.
      OSError: If the disk is full, or the folder that should hold the new one
        is gone.
    """
    if os.path.exists(folder):
      raise FileExistsError(f'{folder} exists; save to a new folder.')
    with self._saving:
      try:
        written = self.client.checkpoint()
        if damage := records.find_damage(written):
          raise OSError(damage)
        files.move_folder(written, folder)
      # Reverb says by an IndexError that the disk is full, if at all.
      except (OSError, RuntimeError, ValueError, IndexError) as error:
        raise OSError(
          f'cannot save the replay to {folder} ({files.first_line(error)}); '
          'see that its disk has space left, and that its parent exists.'
        ) from error
      finally:
        # What a failure left would fill the disk further.
        with contextlib.suppress(OSError):
          _empty(self._scratch)

  def close(self) -> None:
    """Stops the server; its items are gone."""
    self._server.stop()
    self._kept.close()


def check_port(port: int) -> None:
  """Checks that nobody listens on a port.

  Reverb itself would start beside another server on the same port, and the
  system would spread the clients over the two.

  Raises:
    ValueError: If it is no port.
    OSError: If it is taken, or not ours to take.
  """
  if not 1 <= port <= 65535:
    raise ValueError(f'a port must be in [1, 65535], got {port}.')
  try:
    # As Reverb does: every interface, IPv4 and 6 where there are both. It
    # lets connections of a dead server pass.
    family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
    socket.create_server(
      ('', port),
      family=family,
      dualstack_ipv6=family == socket.AF_INET6,
    ).close()
  except OSError as error:
    if error.errno == errno.EADDRINUSE:
      reason = 'is taken by another server; stop that one, or choose another'
    else:
      reason = f'cannot be used ({error.strerror}); choose another'
    raise OSError(f'port {port} {reason} port.') from error


@contextlib.contextmanager
def _alone(folder: str) -> Iterator[None]:
  """Makes a folder, and keeps other replays out of it; a kill lets them in."""
  os.makedirs(folder, exist_ok=True)
  locked = os.open(folder, os.O_RDONLY)
  try:
    _lock(locked, folder)
    yield
  finally:
    os.close(locked)


def _lock(descriptor: int, folder: str) -> None:
  try:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError as error:
    raise OSError(
      f'another replay is at work in {folder}; end it, or choose another '
      '--root_dir.'
    ) from error


def _empty(folder: str) -> None:
  for entry in os.scandir(folder):
    if entry.is_dir(follow_symlinks=False):
      shutil.rmtree(entry.path, ignore_errors=True)
    else:
      os.remove(entry.path)
