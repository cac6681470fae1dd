"""Episodes that follow from a seed and from how many were begun."""

__all__ = ['EpisodeSequence']


class EpisodeSequence:
  """What an environment's checkpoint holds, and how evaluation chooses.

  A mixin of environments; they count `_episodes_begun` up at each reset.
  """

  _seed: int
  _episodes_begun: int

  def get_state(self) -> dict[str, int]:
    """Returns what decides the episodes to come: seed and episodes begun."""
    return {'seed': self._seed, 'episodes_begun': self._episodes_begun}

  def set_state(self, state: dict[str, int]) -> None:
    """Makes the next `reset` begin the episode that `state` implies."""
    self._seed = state['seed']
    self._episodes_begun = state['episodes_begun']

  def seed(self, seed: int) -> None:
    """Starts the sequence of episodes that belongs to `seed`."""
    self.set_state({'seed': seed, 'episodes_begun': 0})
