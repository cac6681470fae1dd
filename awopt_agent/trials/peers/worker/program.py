"""A peer's process: learns and acts as it is asked, by d3rlpy.

Ends when whoever started it does.
"""

import io
import json
import platform
import random
import signal
from typing import Any

import algorithms  # This, replay and wire are beside this file.
import d3rlpy
import numpy as np
import replay as replay_lib
import torch
import wire

__all__ = ['Peer']


class Peer:
  """An algorithm and its replay; the methods are what can be asked."""

  def start(
    self,
    peer: str,
    observation_size: int,
    action_size: int,
    seed: int,
    threads: int,
    batch_size: int,
    settings: str,
  ) -> dict[str, Any]:
    """Makes both, and answers with the versions of the libraries.

    Args:
      peer: Name of the algorithm.
      observation_size: O.
      action_size: A.
      seed: Of weights, batches and exploration.
      threads: Of PyTorch.
      batch_size: Transitions in a batch.
      settings: JSON: `replay`, arguments of `Replay`; `algorithm`, arguments
        of `algorithms.make`.
    """
    torch.set_num_threads(threads)
    d3rlpy.seed(seed)
    self._batch_size = batch_size
    sizes = observation_size, action_size
    chosen = json.loads(settings)
    self._replay = replay_lib.Replay(*sizes, **chosen['replay'])
    self._algorithm = algorithms.make(peer, *sizes, **chosen['algorithm'])
    return {
      'python': platform.python_version(),
      'numpy': np.__version__,
      'torch': torch.__version__,
      'd3rlpy': d3rlpy.__version__,
    }

  def add(
    self,
    observations: np.ndarray,
    actions: np.ndarray,
    rewards: np.ndarray,
    terminal: bool,
    demonstration: bool,
  ) -> dict[str, Any]:
    """Takes an episode; see `Replay.add`."""
    self._replay.add(
      observations,
      actions,
      rewards,
      terminal=terminal,
      demonstration=demonstration,
    )
    return {'transitions': self._replay.transitions}

  def update(self, steps: int) -> dict[str, Any]:
    """Takes learner steps, and answers with the last one's losses."""
    for _ in range(steps):
      losses = self._algorithm.update(self._replay.sample(self._batch_size))
    return {name: float(value) for name, value in losses.items()}

  def act(self, observations: np.ndarray, explore: bool) -> dict[str, Any]:
    """Chooses actions `[B, A]` for observations `[B, O]`."""
    choose = (
      self._algorithm.sample_action if explore else self._algorithm.predict
    )
    return {'actions': choose(observations)}

  def save(self, path: str) -> dict[str, Any]:
    """Writes weights, optimisers and chance; the replay is others' business."""
    model = io.BytesIO()
    self._algorithm.impl.save_model(model)
    saved = {
      'model': model.getvalue(),
      'step': self._algorithm.grad_step,
      'chance': (random.getstate(), np.random.get_state()),
      'torch_chance': torch.get_rng_state(),
    }
    torch.save(saved, path)
    return {}

  def load(self, path: str) -> dict[str, Any]:
    """Takes up what `save` wrote."""
    saved = torch.load(path, weights_only=False)  # It is our own.
    self._algorithm.impl.load_model(io.BytesIO(saved['model']))
    self._algorithm.set_grad_step(saved['step'])
    python, numpy = saved['chance']
    random.setstate(python)
    np.random.set_state(numpy)
    torch.set_rng_state(saved['torch_chance'])
    return {'step': saved['step']}


def main() -> None:
  """Answers until the other side ends."""
  # A Ctrl-C goes to all processes of a terminal: ours saves first.
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  signal.signal(signal.SIGTERM, signal.SIG_IGN)
  requests, answers = wire.take_pipes()
  peer = Peer()
  names = ('start', 'add', 'update', 'act', 'save', 'load')
  wire.serve({name: getattr(peer, name) for name in names}, requests, answers)


if __name__ == '__main__':
  main()
