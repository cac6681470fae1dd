"""What a peer's run needs to go on: episodes, weights and counters."""

import json
import os
from collections.abc import Mapping
from typing import Any

from awopt_agent.trials.peers import peer as peer_lib
from awopt_agent.trials.peers.worker import wire

__all__ = ['PeerStore']


class PeerStore:
  """Keeps every episode as it comes, and the newest weights.

  The counters are written last, so that they always find the weights and the
  episodes to which they belong.
  """

  def __init__(self, folder: str):
    """Names the folder, which need not exist."""
    self.folder = folder
    self._episodes = os.path.join(folder, 'episodes')
    self._state = os.path.join(folder, 'state.json')

  @property
  def has_state(self) -> bool:
    """Whether something was saved."""
    return os.path.exists(self._state)

  def state(self) -> dict[str, Any]:
    """Returns the counters that were saved."""
    with open(self._state, encoding='utf-8') as file:
      return json.load(file)

  def begin(self) -> None:
    """Starts without episodes.

    Raises:
      OSError: If the folder cannot be written.
    """
    os.makedirs(self.folder, exist_ok=True)
    with open(self._episodes, 'wb'):
      pass

  def add(self, episode: Mapping[str, Any]) -> None:
    """Keeps an episode, in the form of `Vectors.episode`."""
    with open(self._episodes, 'ab') as file:
      wire.write(file, episode)

  def save(self, peer: peer_lib.Peer, state: Mapping[str, Any]) -> None:
    """Saves weights and counters, in place of older ones.

    Args:
      peer: Its weights are saved, and its learner step names them.
      state: Counters and states that JSON can hold.

    Raises:
      OSError: If the disk is full or read-only.
    """
    weights = f'weights-{peer.learner_step}'
    path = os.path.join(self.folder, weights)
    peer.save(f'{path}.part')
    os.replace(f'{path}.part', path)
    saved = {
      **state,
      'learner_step': peer.learner_step,
      'weights': weights,
      'episode_bytes': os.path.getsize(self._episodes),
    }
    with open(f'{self._state}.part', 'w', encoding='utf-8') as file:
      json.dump(saved, file)
    os.replace(f'{self._state}.part', self._state)
    for name in os.listdir(self.folder):
      if name.startswith('weights-') and name != weights:
        os.remove(os.path.join(self.folder, name))

  def restore(self, peer: peer_lib.Peer) -> dict[str, Any]:
    """Gives a fresh peer its episodes and weights back.

    Args:
      peer: Made by the same configuration.

    Returns:
      The counters.
    """
    state = self.state()
    # Those after the counters come again, with others' ids.
    os.truncate(self._episodes, state['episode_bytes'])
    with open(self._episodes, 'rb') as file:
      while (episode := wire.read(file)) is not None:
        peer.add(episode)
    peer.load(os.path.join(self.folder, state['weights']))
    return state
