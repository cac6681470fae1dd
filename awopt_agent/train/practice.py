"""Practice: the collect policy in the environments, beside the learner."""

import threading
from collections.abc import Callable
from concurrent import futures

import numpy as np
import tensorflow as tf
from tf_agents.policies import py_policy, py_tf_eager_policy, tf_policy
from tf_agents.train import actor as actor_lib

from awopt_agent import structs
from awopt_agent.envs import vector_env
from awopt_agent.experience import labelling

__all__ = ['Practice', 'as_py_policy']


class _ArrayPolicy(py_tf_eager_policy.PyTFEagerPolicy):
  """Gives a batched environment its actions as arrays.

  TF-Agents leaves tensors then, which the environment takes apart row by row,
  each by an operation: a fifth of a collector's time.
  """

  def _action(self, time_step, policy_state, seed=None):
    step = super()._action(time_step, policy_state, seed)
    action, info = tf.nest.map_structure(
      lambda tensor: tensor.numpy(), (step.action, step.info)
    )
    return step._replace(action=action, info=info)


def as_py_policy(policy: tf_policy.TFPolicy) -> py_policy.PyPolicy:
  """Returns a policy of arrays that acts by a TF policy, compiled."""
  return _ArrayPolicy(policy, use_tf_function=True, batch_time_steps=False)


class Practice:
  """Runs rounds of practice, one TF-Agents `Actor` for each worker.

  A worker is a process with a batch of environments, stepped by a thread of
  its own: episodes take unequal time, and with a common step for all workers
  each would wait for the slowest.
  """

  def __init__(
    self,
    policy: py_policy.PyPolicy,
    env: vector_env.VectorEnv | vector_env.ProcessEnv,
    *,
    round_steps: int,
    write: Callable[[structs.Experience], None],
    episode_ids: labelling.EpisodeIds,
    success_threshold: float,
  ):
    """Joins the parts; nothing runs yet.

    Args:
      policy: Acts, on the time steps of a worker's batch.
      env: Where it acts.
      round_steps: Environment steps of a round, all workers together.
      write: Receives each finished episode, one at a time.
      episode_ids: Where episodes get their ids.
      success_threshold: An episode whose return reaches it is a success.
    """
    write = _one_at_a_time(write)
    self._actors = [
      actor_lib.Actor(
        worker,
        policy,
        None,  # It would count summaries, of which there are none.
        steps_per_run=share,
        observers=[
          labelling.LabellingObserver(
            write,
            success_threshold=success_threshold,
            episode_ids=episode_ids,
          )
        ],
      )
      for worker, share in zip(
        env.workers, _shares(round_steps, env.workers), strict=True
      )
    ]
    self._pool = futures.ThreadPoolExecutor(
      max(1, len(self._actors)), 'practice'
    )

  def start_round(self) -> Callable[[], None]:
    """Starts a round in the background.

    Returns:
      Waits for its end, and raises what went wrong.
    """
    running = [self._pool.submit(actor.run) for actor in self._actors]

    def wait() -> None:
      futures.wait(running)
      for future in running:
        future.result()

    return wait

  def reset(self) -> None:
    """Begins new episodes; those under way are lost."""
    for actor in self._actors:
      actor.reset()

  def close(self) -> None:
    """Waits for the round under way, if there is one."""
    self._pool.shutdown()


def _shares(total: int, workers) -> list[int]:
  """Splits a number of steps in proportion to the workers' environments."""
  if not workers:  # Offline.
    return []
  ends = np.cumsum([worker.batch_size for worker in workers])
  return np.diff(ends * total // ends[-1], prepend=0).tolist()


def _one_at_a_time(function: Callable) -> Callable:
  lock = threading.Lock()

  def locked(*args):
    with lock:
      return function(*args)

  return locked
