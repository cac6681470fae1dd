"""A replay server of our own, in this process, and its checkpoints."""

import os
import shutil

import reverb

from awopt_agent import structs
from awopt_agent.experience import tables

__all__ = ['Replay']

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
  ):
    """Starts the server on a free port.

    Args:
      step_spec: Specs of one step: `AwOptAgent.training_data_spec`.
      config: Sizes of the tables.
      steps_per_item: n + 1.
      scratch: Folder for Reverb's checkpointer, on the disk of the
        checkpoints; emptied.
      restore_from: Folder that `save` wrote; None for empty tables.

    Raises:
      ValueError: If `restore_from` holds no complete checkpoint.
    """
    self.steps_per_item = steps_per_item
    shutil.rmtree(scratch, ignore_errors=True)
    os.makedirs(scratch)
    if restore_from is not None:
      _check_complete(restore_from)
      shutil.copytree(restore_from, os.path.join(scratch, _RESTORED))
    self._server = reverb.Server(
      tables.make_tables(step_spec, config, steps_per_item=steps_per_item),
      port=None,
      checkpointer=reverb.checkpointers.DefaultCheckpointer(scratch),
    )
    self.client = self._server.localhost_client()

  def sizes(self) -> dict[str, int]:
    """Returns the number of items in each table."""
    info = self.client.server_info(timeout=30)
    return {name: table.current_size for name, table in info.items()}

  def save(self, folder: str) -> None:
    """Writes all items to a new folder.

    Raises:
      FileExistsError: If the folder exists.
    """
    if os.path.exists(folder):
      raise FileExistsError(f'{folder} exists; save to a new folder.')
    shutil.move(self.client.checkpoint(), folder)

  def close(self) -> None:
    """Stops the server; its items are gone."""
    self._server.stop()


def _check_complete(folder: str) -> None:
  # Reverb writes this file last.
  if not os.path.exists(os.path.join(folder, 'DONE')):
    raise ValueError(
      f'{folder} holds no complete replay checkpoint; delete the folder to go '
      'on from the checkpoint before it.'
    )
