"""Learner steps on batches from the replay, and what they cost."""

import os
import re
import time

import tensorflow as tf
from tf_agents.train import interval_trigger
from tf_agents.train import learner as learner_lib

from awopt_agent import agent as agent_lib

__all__ = ['Learner']


class Learner:
  """TF-Agents' learner, which knows what it waits for and why it stopped."""

  def __init__(
    self,
    agent: agent_lib.AwOptAgent,
    dataset: tf.data.Dataset,
    *,
    root_dir: str,
    summary_every: int,
    time_every: int = 1000,
  ):
    """Compiles nothing yet.

    Args:
      agent: What learns.
      dataset: Endless, of `(Experience [B, n + 1, ...], extra)`. An extra is
        `()`, or `{'target': [B]}` with Bellman targets, among others: then the
        learner computes none.
      root_dir: Folder of the run; its `tb/train` holds the summaries.
      summary_every: Learner steps between summaries of the agent.
      time_every: Learner steps between measurements of a step's parts.

    Raises:
      ValueError: If extras are dictionaries without targets.
    """
    self._target_given = _gives_targets(dataset)
    self._step = agent.train_step_counter
    learned = agent.critic_learner.variables, agent.actor_learner.variables
    self._learner = _TimedLearner(
      os.path.join(root_dir, 'tb'),
      self._step,
      agent,
      experience_dataset_fn=lambda: dataset,
      checkpoint_interval=-1,  # Ours hold the replay too.
      summary_interval=summary_every,
      # Our optimisers have their slots; it would trace a step for nothing.
      run_optimizer_variable_init=False,
      learned=[*learned[0], *learned[1]],
    )
    self._agent = agent
    self._batches = iter(dataset)
    self._time_trigger = interval_trigger.IntervalTrigger(
      time_every, self._time_parts
    )

  @property
  def waited_s(self) -> float:
    """Seconds that all steps together waited for their batches."""
    return float(self._learner.waited_s.numpy())

  def run(self, steps: int) -> agent_lib.AwOptInfo:
    """Takes learner steps.

    Args:
      steps: How many.

    Returns:
      The terms of the last one, as Python numbers.

    Raises:
      ValueError: If a loss is not finite; no weight was changed by its batch.
    """
    began, waited = time.monotonic(), self.waited_s
    try:
      info = self._learner.run(steps, iterator=self._batches).extra
    except tf.errors.InvalidArgumentError as error:
      found = re.search(r'(\w+) is not finite', error.message)
      if not found:
        raise
      raise ValueError(
        f'{found[1]} became NaN or infinite at learner step '
        f'{self._step.numpy()}; the last checkpoint is kept: check the data, '
        'or lower the learning rates.'
      ) from None
    elapsed = time.monotonic() - began
    self._summarize(
      learner_steps_per_s=steps / elapsed,
      data_wait_share=(self.waited_s - waited) / elapsed,
    )
    self._time_trigger(self._step.numpy())
    return agent_lib.AwOptInfo(*(float(value) for value in info))

  def _time_parts(self) -> None:
    experience, _ = next(self._batches)
    seconds = self._agent.time_parts(
      experience, target_given=self._target_given
    )
    self._summarize(**{f'{name}_ms': 1000 * s for name, s in seconds.items()})

  def _summarize(self, **numbers: float) -> None:
    with self._learner.train_summary_writer.as_default(step=self._step):
      for name, number in numbers.items():
        tf.summary.scalar(f'time/{name}', number)


def _gives_targets(dataset: tf.data.Dataset) -> bool:
  """Returns whether the batches bring their targets along."""
  _, extra = dataset.element_spec
  # Targets under another name would be computed again, unnoticed.
  if isinstance(extra, dict) and 'target' not in extra:
    raise ValueError(
      "what stands beside a batch must have the key 'target', got "
      f'{sorted(extra)}; give () where the learner computes its targets.'
    )
  return isinstance(extra, dict)


class _TimedLearner(learner_lib.Learner):
  """Fetches a batch while it learns from the one before.

  The base class fetches when a step has ended: what fills the batches then
  holds the cores, and a step waited 4% of its time for a batch that was ready.

  Attributes:
    waited_s: float64 variable, seconds without a batch since the beginning.
  """

  def __init__(self, *args, learned: list[tf.Variable], **kwargs):
    # Before the base class, which traces.
    self.waited_s = tf.Variable(0.0, dtype=tf.float64, trainable=False)
    self._learned = learned
    super().__init__(*args, **kwargs)

  @tf.function
  def _train(self, iterations, iterator, parallel_iterations):
    del parallel_iterations  # A step needs the weights of the one before.
    began = tf.timestamp()
    with tf.control_dependencies([began]):
      batch = iterator.get_next()
    self._note_wait(began, batch)
    for _ in tf.range(iterations - 1):
      following = iterator.get_next()
      self.single_train_step(iter([batch]))
      with tf.control_dependencies([v.read_value() for v in self._learned]):
        ended = tf.timestamp()
      self._note_wait(ended, following)
      batch = following
    return self.single_train_step(iter([batch]))

  def single_train_step(self, iterator):
    experience, extra = next(iterator)
    given = {'target': extra['target']} if isinstance(extra, dict) else {}
    return self.strategy.run(self._agent.train, (experience,), given)

  def _note_wait(self, since, batch) -> None:
    # TensorFlow runs clocks in the order in which they are written: this one
    # must not come before the one that it is compared with.
    with tf.control_dependencies(tf.nest.flatten(batch)):
      self.waited_s.assign_add(tf.timestamp() - since)
