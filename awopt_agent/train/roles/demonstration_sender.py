"""The demonstrations on their way from the learner into the replay."""

import time
from typing import Any

from awopt_agent.experience import labelling, packing
from awopt_agent.experience.wire import board as board_lib
from awopt_agent.experience.wire import connection as connection_lib
from awopt_agent.experience.wire import inbox
from awopt_agent.train import progress
from awopt_agent.train.roles import context as context_lib

__all__ = ['DemonstrationSender']

_SOURCE = 0
_RECEIVED_LIMIT_S = 60.0


class DemonstrationSender:
  """Delivers the demonstrations, each once, also over a new replay server."""

  def __init__(
    self,
    context: context_lib.Context,
    connection: connection_lib.Connection,
    board: board_lib.BoardReader,
  ):
    """Reads nothing yet.

    Args:
      context: Of the learner role.
      connection: To the replay server.
      board: Of the replay server.
    """
    self._context = context
    self._connection = connection
    self._board = board
    self._heard_at = time.monotonic()

  def deliver(self) -> dict[str, Any]:
    """Sends them, and waits until the replay has all.

    Returns:
      Its counters then.

    Raises:
      TimeoutError: If there was no replay server for too long.
    """
    demonstrations = context_lib.make_demonstrations(self._context.train)
    while True:
      try:
        count = self._send(demonstrations)
        counters = self._wait_until_received(count)
      except TimeoutError:
        silent_s = time.monotonic() - self._heard_at
        if silent_s > self._context.roles.wait_limit_s:
          raise
        continue
      notes = demonstrations.report()
      print(f'learner: {count} demonstrations {notes}'.rstrip(), flush=True)
      return counters

  def _wait_until_received(self, count: int) -> dict[str, Any]:
    return self._board.wait_for(
      lambda record: _received(record) >= count,
      what='for the replay role to take the demonstrations in',
      limit_s=_RECEIVED_LIMIT_S,
    )

  def _send(self, demonstrations) -> int:
    """Sends what the replay has not; returns how many there are."""
    agent = self._context.agent
    info_spec = agent.collect_data_spec.policy_info
    pack = packing.StepPacking(agent.training_data_spec).pack
    following = _received(self._board.read_now(limit_s=10.0))
    bar = progress.Progress(
      'demonstrations', 'episodes', total=demonstrations.total
    )
    count = 0
    for count, episode in enumerate(self._episodes(demonstrations), 1):
      if count <= following:
        continue
      experience = labelling.label_episode(
        episode,
        episode_id=inbox.episode_id(_SOURCE, count - 1),
        policy_info=labelling.no_policy_info(info_spec, episode.length),
      )
      inbox.send(self._connection, [pack(experience)], limit_s=10.0)
      self._heard_at = time.monotonic()
      bar.update(count)
    bar.close()
    return count

  def _episodes(self, demonstrations):
    return demonstrations.read(
      self._context.time_step_spec,
      self._context.action_spec,
      on_refused=lambda reason: print(f'refused: {reason}', flush=True),
    )


def _received(record: dict[str, Any]) -> int:
  return record['received'].get(str(_SOURCE), 0)
