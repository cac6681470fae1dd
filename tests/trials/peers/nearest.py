"""A peer that needs NumPy alone: acts as in the nearest state that it knows.

Run as a program, in place of d3rlpy's.
"""

import pathlib
import sys

import numpy as np

_ROOT = pathlib.Path(__file__).parents[3]
sys.path.insert(0, str(_ROOT / 'awopt_agent' / 'trials' / 'peers' / 'worker'))

import wire  # noqa: E402


class Nearest:
  """Keeps the transitions of successful episodes."""

  def start(self, observation_size, action_size, **others):
    print('a library greets on stdout')
    self._observations = np.zeros((0, observation_size))
    self._actions = np.zeros((0, action_size))
    self._rng = np.random.default_rng(others['seed'])
    self._step = 0
    self._worst = others['peer'] == 'diverging'
    return {'numpy': np.__version__}

  def add(self, observations, actions, rewards, terminal, demonstration):
    if rewards.sum() > 0.5:
      self._observations = np.concatenate(
        [self._observations, observations[:-1]]
      )
      self._actions = np.concatenate([self._actions, actions[:-1]])
    return {'transitions': len(self._actions)}

  def update(self, steps):
    self._step += steps
    return {'critic_loss': np.nan if self._worst else 1 / self._step}

  def act(self, observations, explore):
    gaps = observations[:, np.newaxis] - self._observations
    actions = self._actions[np.square(gaps).sum(-1).argmin(1)]
    noise = self._rng.normal(size=actions.shape) if explore else 0.0
    return {'actions': (actions + noise).astype(np.float32)}

  def save(self, path):
    with open(path, 'wb') as file:
      np.savez(file, step=self._step, known=len(self._actions))
    return {}

  def load(self, path):
    with np.load(path) as saved:
      self._step = int(saved['step'])
      if saved['known'] != len(self._actions):
        raise ValueError(f'{saved["known"]} transitions were known')
    return {'step': self._step}


def main():
  requests, answers = wire.take_pipes()
  peer = Nearest()
  names = ('start', 'add', 'update', 'act', 'save', 'load')
  wire.serve({name: getattr(peer, name) for name in names}, requests, answers)


if __name__ == '__main__':
  main()
