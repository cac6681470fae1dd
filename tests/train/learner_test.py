import contextlib
import glob
import os
import resource
import time
import types
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from awopt_agent.train import learner
from tests import fakes


def make(tmp_path, *, pause=0.0, changes=lambda x: x, **kwargs):
  """Returns a learner whose batches come after a pause each."""
  agent = fakes.make_agent()

  def batches():
    seed = 0
    while True:
      time.sleep(pause)
      yield changes(fakes.random_experience(4, seed=seed)), ()
      seed += 1

  first = fakes.random_experience(4)
  dataset = tf.data.Dataset.from_generator(
    batches,
    output_signature=(
      tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), first),
      (),
    ),
  )
  return agent, learner.Learner(
    agent, dataset, root_dir=str(tmp_path), summary_every=2, **kwargs
  )


def summaries(folder):
  """Returns the values of each summary by name; a histogram's as an array."""
  found = {}
  for path in glob.glob(os.path.join(folder, 'tb', 'train', '*tfevents*')):
    for event in tf.compat.v1.train.summary_iterator(path):
      for value in event.summary.value:
        value_of = tf.make_ndarray(value.tensor)
        number = value_of if value_of.ndim else float(value_of)
        found.setdefault(value.tag, []).append((event.step, number))
  return found


class Trained(NamedTuple):
  """A learner after 2, 3, 1 and 2 steps; compiled once, for many tests."""

  step: int
  info: tuple
  traced: list
  found: dict


def half_practised(experience):
  """Returns a batch of 4, the last two practised by a policy of step -3."""
  practised = np.broadcast_to([[0], [0], [1], [1]], [4, 2])
  return experience._replace(
    label=experience.label._replace(
      source=practised.astype(np.int32),
      policy_step=np.full([4, 2], -3, np.int64),
    )
  )


@pytest.fixture(name='trained', scope='module')
def _trained(tmp_path_factory):
  folder = tmp_path_factory.mktemp('trained')
  agent, learning = make(folder, time_every=3, changes=half_practised)
  traced = []
  for steps in (2, 3, 1, 2):
    info = learning.run(steps)
    traced.append(learning._learner._train.experimental_get_tracing_count())
  return Trained(int(agent.train_step_counter), info, traced, summaries(folder))


def test_a_step_is_taken_for_each_batch(trained):
  assert trained.step == 8
  assert all(isinstance(value, float) for value in trained.info)


def test_a_step_is_traced_once(trained):
  assert trained.traced == [trained.traced[0]] * 4


def test_summaries_tell_what_takes_time(trained):
  rates = [step for step, _ in trained.found['time/learner_steps_per_s']]
  assert rates == [2, 5, 6, 8]
  for part in ('target', 'critic', 'actor'):
    # Three steps or more after the time before.
    steps = [step for step, _ in trained.found[f'time/{part}_ms']]
    assert steps == [5, 8], part
    assert all(value > 0 for _, value in trained.found[f'time/{part}_ms'])


def test_terms_of_the_losses_have_one_name_in_and_out_of_loops(trained):
  # Steps 2 and 8 end a loop, 4 is inside of one, and 6 has none.
  steps = [step for step, _ in trained.found['train/critic_loss']]
  assert steps == [2, 4, 6, 8]


def test_ages_of_policies_are_told_of_what_was_practised(trained):
  ages = dict(trained.found['train/policy_age'])
  assert sorted(ages) == [0, 2, 4, 6]  # Before the step that is counted.
  # Of four transitions two were practised, by the policy of step -3.
  low, high, count = ages[4].T
  assert 6.0 <= np.min(low) <= 7.0 <= np.max(high) <= 8.0
  assert np.sum(count) == 2


def test_waiting_for_data_is_seen_and_is_not_taken_for_learning(tmp_path):
  """Each batch comes .2 s late; a step on it takes some milliseconds."""
  _, learning = make(tmp_path, pause=0.2)
  learning.run(1)  # Compiles.
  learning.run(5)
  waits = summaries(tmp_path)['time/data_wait_share']
  assert 0.7 < waits[-1][1] <= 1.0


def test_data_that_are_there_are_not_waited_for(tmp_path):
  _, learning = make(tmp_path)
  learning._batches = iter(
    tf.data.Dataset.from_tensors((fakes.random_experience(256), ())).repeat()
  )
  learning.run(1)
  learning.run(50)
  assert summaries(tmp_path)['time/data_wait_share'][-1][1] < 0.3


def test_a_full_disk_ends_summaries_and_no_step(tmp_path, monkeypatch, capsys):
  agent, learning = make(tmp_path)
  learning.run(2)
  for free in (1 << 20, 1 << 40):
    usage = types.SimpleNamespace(free=free)
    monkeypatch.setattr(
      learner.shutil, 'disk_usage', lambda path, usage=usage: usage
    )
    learning._looked_at = -float('inf')
    learning.run(2)
    learning.summarize(ratio=1.0)
  assert int(agent.train_step_counter) == 6
  steps = [step for step, _ in summaries(tmp_path)['train/critic_loss']]
  assert steps == [2, 6]  # Not 4.
  steps = [step for step, _ in summaries(tmp_path)['time/ratio']]
  assert steps == [6]
  none, again = capsys.readouterr().out.splitlines()
  assert 'none until there is room (1 MB are left in ' in none
  assert 'again' in again


@contextlib.contextmanager
def files_of_at_most(size):
  """What a full disk is to TensorFlow: a write that fails half-way."""
  before = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
  try:
    yield
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_up_within_a_step_ends_no_run(
  tmp_path, monkeypatch, capsys
):
  # A busy machine may take longer than the pause between two looks.
  monkeypatch.setattr(learner, '_LOOK_EVERY_S', float('inf'))
  agent = fakes.make_agent()
  # Not a generator's: TensorFlow ends that one when it cancels a step.
  learning = learner.Learner(
    agent, with_extra(()), root_dir=str(tmp_path), summary_every=2
  )
  learning.run(1)
  with files_of_at_most(4096):
    info = learning.run(40)
    learning.summarize(ratio=1.0)
    learning.run(10)
  # The step in which it failed may have been counted or not.
  assert int(agent.train_step_counter) in (51, 52)
  assert np.isfinite(info.critic_loss)
  (line,) = capsys.readouterr().out.splitlines()
  assert 'none until there is room' in line
  assert 'File too large' in line


def with_extra(extra):
  """Returns a data set of one batch of 4, for ever."""
  return tf.data.Dataset.from_tensors(
    (fakes.random_experience(4, success=True), extra)
  ).repeat()


def test_targets_beside_the_batches_are_learnt_from(tmp_path):
  target = tf.constant([0.0, 0.25, 0.5, 0.25])
  agent = fakes.make_agent()
  learning = learner.Learner(
    agent,
    with_extra({'target': target, 'age': tf.zeros([4], tf.int64)}),
    root_dir=str(tmp_path),
    summary_every=1,
    time_every=1,
  )
  info = learning.run(3)
  np.testing.assert_allclose(info.target, 0.25)  # Their mean.
  found = summaries(tmp_path)
  assert 'time/critic_ms' in found
  assert 'time/target_ms' not in found


def test_targets_under_another_name_are_refused(tmp_path):
  with pytest.raises(ValueError, match=r"key 'target', got \['targets'\]"):
    learner.Learner(
      fakes.make_agent(),
      with_extra({'targets': tf.zeros([4])}),
      root_dir=str(tmp_path),
      summary_every=1,
    )


@pytest.mark.parametrize(
  ('field', 'name'),
  [('reward', 'critic_loss'), ('move', '(critic|actor)_loss')],
)
def test_a_batch_that_is_not_finite_stops_before_any_weight(
  tmp_path, field, name
):
  bad = []

  def spoil(experience):
    if not bad:
      return experience
    steps = experience.trajectory
    nothing = tf.fill(steps.reward.shape, np.nan)
    if field == 'reward':
      steps = steps._replace(reward=nothing)
    else:
      action = {**steps.action, 'move': nothing[..., tf.newaxis]}
      steps = steps._replace(action=action)
    return experience._replace(trajectory=steps)

  agent, learning = make(tmp_path, changes=spoil)
  learning.run(2)
  bad.append(True)
  learned = agent.actor_learner.learned + agent.critic_learner.learned
  with pytest.raises(ValueError, match=f'{name}.*learner step') as raised:
    learning.run(50)
  assert len(str(raised.value).splitlines()) == 1
  assert all(np.all(np.isfinite(value)) for value in learned)
