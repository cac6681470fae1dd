"""The replay role as the learner's checkpoints see it."""

import os
from collections.abc import Callable

from awopt_agent.experience.wire import board as board_lib

__all__ = ['RemoteReplay']


class RemoteReplay:
  """Asks the replay role to save its tables; both see the same disk."""

  def __init__(
    self,
    board: board_lib.BoardReader,
    root_dir: str,
    *,
    limit_s: float,
    incarnation: Callable[[], str],
  ):
    """Asks nothing yet.

    Args:
      board: Of the replay server.
      root_dir: Of the run, in this process.
      limit_s: Seconds that a save may take.
      incarnation: Returns which start of the replay role shall save; one that
        started again has other items.
    """
    self._board = board
    self._root_dir = os.path.abspath(root_dir)
    self._limit_s = limit_s
    self._incarnation = incarnation

  def save(self, folder: str) -> None:
    """Has all items written to a new folder below `root_dir`.

    Raises:
      TimeoutError: If the replay role does not answer.
      OSError: If it could not write, or started again meanwhile.
    """
    inside = os.path.relpath(os.path.abspath(folder), self._root_dir)
    asked = self._incarnation()
    identity = self._board.ask(
      {'save': inside, 'incarnation': asked}, limit_s=30.0
    )
    record = self._board.wait_for(
      lambda record: (
        record.get('saved', {}).get('id') == identity
        or record['incarnation'] != asked
      ),
      what='for the replay role to save its tables',
      limit_s=self._limit_s,
    )
    if record['incarnation'] != asked:
      raise OSError(
        'the replay role started again before it had saved its tables; the '
        'next checkpoint will hold them.'
      )
    if record['saved']['error']:
      raise OSError(f'the replay role says: {record["saved"]["error"]}')
    if not os.path.isdir(folder):
      raise OSError(
        f'the replay role saved {inside} below its own --root_dir, and it is '
        f'not in {self._root_dir}; both need the same, shared folder'
      )
