"""Learner steps on batches from the replay, and what they cost."""

import os
import re
import shutil
import time

import tensorflow as tf
from tf_agents.train import interval_trigger
from tf_agents.train import learner as learner_lib

from awopt_agent import agent as agent_lib
from awopt_agent import files, structs
from awopt_agent.train import strategies

__all__ = ['Learner']

_LEAST_FREE_BYTES = 64 * 2**20
_LOOK_EVERY_S = 5.0


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
    strategy: tf.distribute.Strategy | None = None,
  ):
    """Compiles nothing yet, and initializes the agent: restore it afterwards.

    Args:
      agent: What learns; made in the strategy's scope.
      dataset: Endless, of `(Experience [B, n + 1, ...], extra)`. An extra is
        `()`, or `{'target': [B]}` with Bellman targets, among others: then the
        learner computes none, and `[B, 1, ...]` will do. Each replica takes
        batches of its own, and each worker has its own data set.
      root_dir: Folder of the run; its `tb/train` holds the summaries, which the
        chief alone writes.
      summary_every: Learner steps between summaries of the agent.
      time_every: Learner steps between measurements of a step's parts.
      strategy: Of `strategies.make`; None for one replica.

    Raises:
      ValueError: If extras are dictionaries without targets, or the agent was
        made outside of the strategy's scope.
    """
    self._target_given = _gives_targets(dataset)
    if strategy is not None:
      _check_made_in_scope(agent, strategy)
    self._step = agent.train_step_counter
    learned = agent.critic_learner.variables, agent.actor_learner.variables
    self._learner = _TimedLearner(
      os.path.join(root_dir, 'tb'),
      self._step,
      agent,
      experience_dataset_fn=lambda: _endless(dataset, strategy),
      checkpoint_interval=-1,  # Ours hold the replay too.
      summary_interval=summary_every if strategies.is_chief(strategy) else 0,
      # Our optimisers have their slots; it would trace a step for nothing.
      run_optimizer_variable_init=False,
      strategy=strategy,
      learned=[*learned[0], *learned[1]],
    )
    self._agent = agent
    self._root_dir = root_dir
    self._looked_at = -float('inf')
    self._batches = self._learner.batches
    self._time_trigger = interval_trigger.IntervalTrigger(
      time_every, self._time_parts
    )

  @property
  def waited_s(self) -> float:
    """Seconds that all steps of this worker waited for their batches."""
    return float(self._learner.waited_s.numpy())

  def run(self, steps: int) -> agent_lib.AwOptInfo:
    """Takes learner steps.

    Args:
      steps: How many.

    Returns:
      The terms of the last one, as Python numbers.

    Raises:
      ValueError: If a loss is not finite, in all workers alike; no weight was
        changed by its batch.
      ConnectionError: If another worker is gone.
    """
    began, waited = time.monotonic(), self.waited_s
    self._look_for_room()
    end = self._step.numpy() + steps
    try:
      info = self._learner.run(steps, iterator=self._batches).extra
    except tf.errors.OpError as error:
      self._explain(error)
      if not self._is_of_summaries(error):
        raise
      left = max(1, int(end - self._step.numpy()))
      info = self._learner.run(left, iterator=self._batches).extra
    elapsed = time.monotonic() - began
    self.summarize(
      learner_steps_per_s=steps / elapsed,
      data_wait_share=(self.waited_s - waited) / elapsed,
    )
    self._time_trigger(self._step.numpy())
    return agent_lib.AwOptInfo(*(float(value) for value in info))

  def _look_for_room(self) -> None:
    """Writes no summaries where the disk is full; TensorFlow fails on them."""
    now = time.monotonic()
    if now - self._looked_at < _LOOK_EVERY_S:
      return
    self._looked_at = now
    free = shutil.disk_usage(self._root_dir).free
    self._write_summaries(
      free >= _LEAST_FREE_BYTES, f'{free // 2**20} MB are left'
    )

  def _write_summaries(self, flag: bool, reason: str) -> None:
    if flag != bool(self._learner.has_room.numpy()):
      self._learner.has_room.assign(flag)
      said = 'again' if flag else 'none until there is room'
      print(
        f'learner: summaries for TensorBoard: {said} ({reason} in '
        f'{self._root_dir})',
        flush=True,
      )

  def _is_of_summaries(self, error: tf.errors.OpError) -> bool:
    """Tells whether only a summary failed; there are none for a while then.

    Other workers end with this one in any case.
    """
    if 'tfevents' not in error.message or strategies.is_one_of_many(
      self._learner.strategy
    ):
      return False
    self._write_summaries(False, _events_error(error))
    self._looked_at = time.monotonic()
    return True

  def _explain(self, error: tf.errors.OpError) -> None:
    """Raises what a user can act on, if the error is one of those."""
    # A worker may learn from another that a batch is not finite.
    found = re.search(r'(\w+) is not finite', error.message)
    if found:
      raise ValueError(
        f'{found[1]} became NaN or infinite at learner step '
        f'{self._step.numpy()}; the last checkpoint is kept: check the data, '
        'or lower the learning rates.'
      ) from None
    # The replay, too, may be unavailable.
    if re.search('[Cc]ollective|[Cc]oordination', error.message):
      raise ConnectionError(
        f'another worker was lost at learner step {self._step.numpy()}: '
        'TensorFlow cannot go on without it; start all workers again, from '
        'the last checkpoint.'
      ) from None

  def agree(self, flag: bool) -> bool:
    """Tells all workers what any of them knows, so that they do the same.

    Each of them has to ask at the same step, or they wait for each other.

    Args:
      flag: What this one knows, such as that it was asked to stop.

    Returns:
      Whether the flag is set in any worker.

    Raises:
      ConnectionError: If another worker is gone.
    """
    try:
      return bool(self._learner.any_worker(tf.constant(flag)))
    except tf.errors.OpError as error:
      self._explain(error)
      raise

  def _time_parts(self) -> None:
    """Times the parts on one replica, which talks to no other meanwhile."""
    experience, _ = self._learner.first_replica(next(self._batches))
    seconds = self._agent.time_parts(
      experience, target_given=self._target_given
    )
    self.summarize(**{f'{name}_ms': 1000 * s for name, s in seconds.items()})

  def summarize(self, **numbers: float) -> None:
    """Writes numbers to TensorBoard, under `time/`, if the disk has room."""
    if not self._learner.has_room.numpy():
      return
    try:
      with self._learner.train_summary_writer.as_default(step=self._step):
        for name, number in numbers.items():
          tf.summary.scalar(f'time/{name}', number)
    except tf.errors.OpError as error:
      self._write_summaries(False, _events_error(error))


def _events_error(error: tf.errors.OpError) -> str:
  """Returns the line, of many, that names the file of summaries and why."""
  lines = [line for line in error.message.splitlines() if 'tfevents' in line]
  return lines[0].strip() if lines else files.first_line(error)


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


def _check_made_in_scope(agent: agent_lib.AwOptAgent, strategy) -> None:
  if strategy.num_replicas_in_sync == 1:
    return
  for variable in agent.variables:
    if not strategy.extended.variable_created_in_scope(variable):
      raise ValueError(
        f'the agent has the variable {variable.name}, made outside of the '
        'strategy; make the agent, and the step counter if you give it one, '
        'under `with strategy.scope():`.'
      )


def _endless(dataset: tf.data.Dataset, strategy) -> tf.data.Dataset:
  """Says of a data set that it is endless, where that spares work."""
  if strategy is None:
    return dataset
  # Else all workers would ask each other before each batch who has one left.
  endless = tf.data.experimental.assert_cardinality(
    tf.data.INFINITE_CARDINALITY
  )
  return dataset.apply(endless)


class _TimedLearner(learner_lib.Learner):
  """Fetches a batch while it learns from the one before.

  The base class fetches when a step has ended: what fills the batches then
  holds the cores, and a step waited 4% of its time for a batch that was ready.

  Attributes:
    waited_s: float64 variable, seconds without a batch since the beginning.
    has_room: bool variable, whether summaries are written.
  """

  def __init__(self, *args, learned: list[tf.Variable], **kwargs):
    # Before the base class, which traces.
    self.waited_s = tf.Variable(0.0, dtype=tf.float64, trainable=False)
    self.has_room = tf.Variable(True, trainable=False)
    self._learned = learned
    super().__init__(*args, **kwargs)

  @property
  def batches(self):
    """The iterator over the data set; gives a batch to each local replica."""
    return self._experience_iterator

  def first_replica(self, values):
    """Returns the first replica's part of a nest."""
    return tf.nest.map_structure(
      lambda x: self.strategy.experimental_local_results(x)[0], values
    )

  @tf.function
  def any_worker(self, flag):
    """Returns whether a flag is set in any worker."""
    flags = self.strategy.run(lambda: tf.cast(flag, tf.int32))
    return self._sum(flags) > 0

  def _sum(self, values):
    return self.strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None)

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
      with tf.control_dependencies(self._learned_now()):
        ended = tf.timestamp()
      self._note_wait(ended, following)
      batch = following
    info = self.single_train_step(iter([batch]))
    return tf.nest.map_structure(self._sum, info)

  def _learned_now(self):
    """Reads what is learned, in each replica of this worker."""
    return [
      replica.read_value()
      for variable in self._learned
      for replica in self.strategy.experimental_local_results(variable)
    ]

  def single_train_step(self, iterator):
    experience, extra = next(iterator)
    given = {'target': extra['target']} if isinstance(extra, dict) else {}
    with tf.summary.record_if(self._is_time_for_summaries):
      self._note_policy_age(self.first_replica(experience.label))
      return self.strategy.run(self._agent.train, (experience,), given)

  def _is_time_for_summaries(self):
    if not self.summary_interval:
      return tf.constant(False)
    return self.has_room & (self.train_step % self.summary_interval == 0)

  def _note_policy_age(self, label) -> None:
    """Logs how many steps ago the policies learned that practised a batch."""
    first = tf.nest.map_structure(lambda column: column[:, 0], label)
    # What a robot recorded by policies of other runs has no age in this one.
    practised = (first.source != int(structs.Source.DEMONSTRATION)) & (
      first.policy_step <= self.train_step
    )
    ages = tf.boolean_mask(self.train_step - first.policy_step, practised)
    with tf.name_scope(''):  # A loop around would be part of the name.
      tf.summary.histogram('train/policy_age', ages, step=self.train_step)

  def _note_wait(self, since, batch) -> None:
    # TensorFlow runs clocks in the order in which they are written: this one
    # must not come before the one that it is compared with.
    parts = tf.nest.flatten(batch, expand_composites=True)
    with tf.control_dependencies(parts):
      self.waited_s.assign_add(tf.timestamp() - since)
