"""AW-Opt through the phases of a run, in one process."""

from collections.abc import Callable

from awopt_agent import agent as agent_lib
from awopt_agent import structs
from awopt_agent.envs import vector_env
from awopt_agent.experience import datasets, tables
from awopt_agent.experience import replay as replay_lib
from awopt_agent.train import (
  checkpoints,
  evaluation,
  learner,
  metrics,
  phases,
  practice,
  train_config,
)

__all__ = ['Trainer']


class Trainer(phases.Phases):
  """One process that trains: environments beside it, replay inside it.

  While the environments practise a round in a process of their own, the
  learner does its share of steps; then both meet. So neither runs away from
  the other, and two cores are busy.
  """

  def __init__(
    self,
    config: train_config.TrainConfig,
    *,
    agent: agent_lib.AwOptAgent,
    env: vector_env.VectorEnv | vector_env.ProcessEnv,
    replay: replay_lib.Replay,
    store: checkpoints.CheckpointStore,
    log: metrics.MetricsLog,
    root_dir: str,
    seed: int,
    stop_requested: Callable[[], bool] = lambda: False,
  ):
    """Joins the parts; nothing runs yet.

    Args:
      config: How long, and on what.
      agent: What learns.
      env: Where it practises; batched.
      replay: Where experience goes.
      store: Where checkpoints go.
      log: Where results go.
      root_dir: Folder of the run, for summaries.
      seed: Of evaluation and batches.
      stop_requested: Asked after each round; True saves and stops.
    """
    self._agent = agent
    self._replay = replay
    self._checkpoints = store
    self._step = agent.train_step_counter
    self._writer = tables.EpisodeWriter(
      replay.client,
      agent.training_data_spec,
      steps_per_item=replay.steps_per_item,
    )
    self._learner = self._make_learner(config, root_dir, seed)
    super().__init__(
      config,
      policy=practice.as_py_policy(agent.collect_policy),
      policies={
        kind: evaluation.as_function(policy)
        for kind, policy in agent.policies.items()
      },
      headline=agent.headline,
      env=env,
      log=log,
      seed=seed,
      stop_requested=stop_requested,
    )

  def _make_learner(
    self, config: train_config.TrainConfig, root_dir: str, seed: int
  ) -> learner.Learner:
    batches = datasets.make_dataset(
      self._replay.client,
      self._agent.training_data_spec,
      batch_size=config.batch_size,
      success_fraction=config.success_fraction,
      augment=config.augment,
      seed=seed,
    )
    return learner.Learner(
      self._agent,
      batches,
      root_dir=root_dir,
      summary_every=config.summary_every,
    )

  @property
  def learner_step(self) -> int:
    return int(self._step.numpy())

  def _learn(self, steps: int) -> str:
    return f'critic loss {self._learner.run(steps).critic_loss:.3f}'

  def _store(self, experience: structs.Experience) -> None:
    self._writer(experience)

  def restore(self, folder: str) -> None:
    """Takes up a checkpoint; the replay was started from it already."""
    self._take_up(self._checkpoints.restore_agent(folder))

  def save(self) -> None:
    """Writes a checkpoint."""
    self._checkpoints.save(self.learner_step, self._replay, self._state())

  def close(self) -> None:
    """Ends practice and the stream to the replay."""
    super().close()
    self._writer.close()
