"""A peer through the phases of AW-Opt's own runs."""

from collections.abc import Callable
from typing import Any

from awopt_agent import statistics, structs
from awopt_agent.train import metrics, phases, train_config
from awopt_agent.trials.peers import peer as peer_lib
from awopt_agent.trials.peers import store as store_lib

__all__ = ['PeerTrainer']


class PeerTrainer(phases.Phases):
  """Trains a peer: same steps, episodes, batches and evaluations.

  Practice and learning take turns, where AW-Opt's run side by side: one
  process acts and learns.
  """

  def __init__(
    self,
    config: train_config.TrainConfig,
    *,
    peer: peer_lib.Peer,
    env: Any,
    store: store_lib.PeerStore,
    log: metrics.MetricsLog,
    seed: int,
    stop_requested: Callable[[], bool] = lambda: False,
  ):
    """Joins the parts; nothing runs yet.

    Args:
      config: How long, and on what.
      peer: What learns.
      env: Where it practises; batched.
      store: Where its state goes.
      log: Where results go.
      seed: Of evaluation.
      stop_requested: Asked after each round; True saves and stops.
    """
    self._peer = peer
    self._saved = store
    self._ended = False
    super().__init__(
      config,
      policy=peer_lib.ExploringPolicy(peer, env),
      policies={'actor': peer.act},
      headline='actor',
      env=env,
      log=log,
      seed=seed,
      stop_requested=stop_requested,
    )

  @property
  def learner_step(self) -> int:
    return self._peer.learner_step

  def _learn(self, steps: int) -> str:
    return f'critic loss {self._peer.learn(steps)["critic_loss"]:.3f}'

  def _store(self, experience: structs.Experience) -> None:
    episode = self._peer.as_episode(experience)
    self._saved.add(episode)
    self._peer.add(episode)

  def _start_round(self) -> Callable[[], None]:
    super()._start_round()()
    return lambda: None

  def _state(self) -> dict[str, Any]:
    return {**super()._state(), 'ended': self._ended}

  def save(self) -> None:
    self._saved.save(self._peer, self._state())

  def restore(self) -> None:
    """Takes up what was saved; a longer run goes on from an end."""
    self._take_up(self._saved.restore(self._peer))

  def finish(self) -> statistics.SuccessRate:
    """Measures the end, and saves that there was one."""
    rates = self.evaluate('end', self.config.final_eval_episodes)
    self._ended = True
    self.save()
    return rates['actor']
