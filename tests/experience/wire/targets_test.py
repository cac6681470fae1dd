import contextlib

import numpy as np
import pytest
import tensorflow as tf

from awopt_agent.experience import augmentation, packing
from awopt_agent.experience.wire import targets
from tests import fakes as agent_fakes
from tests.experience import pictures
from tests.experience.wire import fakes

_SPEC = agent_fakes.step_spec()


def _meter(step=10, max_age=4):
  return targets.TargetMeter(tf.Variable(step, dtype=tf.int64), max_age)


def _columns(episode_id, spec=_SPEC, make=agent_fakes.make_episode):
  """Returns the first steps of both items of an episode of two transitions."""
  steps = packing.StepPacking(spec).pack(make(2, episode_id=episode_id))
  return {name: column[:2] for name, column in steps.items()}


class _Sides:
  """A server with a queue of batches, and both who use it.

  Attributes:
    client, connection, writer: The parts.
  """

  def __init__(self, server):
    self.client = server.localhost_client()
    self.connection = fakes.connect(server)
    self.writer = targets.TargetWriter(self.connection)
    # An iterator that waits for more cannot end before the server does.
    self._iterators = []

  def read(self, count, meter=None, spec=_SPEC, **kwargs):
    """Returns the learner's next batches."""
    dataset = targets.make_dataset(
      self.client, spec, meter or _meter(), **kwargs
    )
    self._iterators.append(dataset.as_numpy_iterator())
    return [next(self._iterators[-1]) for _ in range(count)]

  def write(self, *, episode_id=1, step=10, target=(0.5, 0.25), limit_s=5.0):
    self.writer.write(
      _columns(episode_id), np.array(target), step, limit_s=limit_s
    )


def _table(spec=_SPEC, max_batches=3):
  return targets.make_table(spec, batch_size=2, max_batches=max_batches)


@pytest.fixture(name='sides')
def _sides():
  with fakes.serving(_table()) as server:
    yield _Sides(server)


# How old targets are.


def test_without_targets_there_is_no_age():
  assert _meter().numbers() == {
    'target_age': 0,
    'target_age_max': 0,
    'targets_dropped': 0,
  }


def test_targets_that_are_too_old_are_dropped_and_counted():
  meter = _meter(step=10, max_age=4)
  accepted = [bool(meter.accepts(tf.constant(m, tf.int64))) for m in (6, 5, 9)]
  assert accepted == [True, False, True]  # 4, 5 and 1 steps old.
  numbers = meter.numbers()
  assert numbers['target_age'] == 2.5  # (4 + 1) / 2
  assert numbers['target_age_max'] == 4
  assert numbers['targets_dropped'] == pytest.approx(1 / 3)


def test_targets_of_weights_that_were_lost_are_dropped():
  meter = _meter(step=10, max_age=4)  # It learnt to 15 before it died.
  accepted = [
    bool(meter.accepts(tf.constant(m, tf.int64))) for m in (15, 11, 10)
  ]
  assert accepted == [False, False, True]
  assert meter.numbers()['targets_dropped'] == pytest.approx(2 / 3)
  assert meter.numbers()['target_age'] == 0


def test_data_sets_find_the_counters_where_they_run():
  cpus = len(tf.config.list_logical_devices('CPU'))
  with tf.device(f'cpu:{cpus - 1}'):  # As it is by default where a GPU is.
    meter = _meter()
  for variable in meter.variables:
    assert variable.device.endswith('CPU:0')


# The queue.


def _fill(sides):
  """Writes until the queue is full, and two batches wait before it."""
  for _ in range(4):  # Three fit, and one is let wait.
    sides.write()
  with pytest.raises(TimeoutError):
    sides.write(limit_s=0.1)


def test_waits_for_room_for_all_batches_but_the_last(sides):
  _fill(sides)
  with pytest.raises(TimeoutError):
    sides.writer.wait_for_room(limit_s=0.1)
  for _ in range(2):  # A data set would take more than it is asked for.
    list(sides.client.sample(targets.LABELLED, 1, emit_timesteps=False))
  sides.writer.wait_for_room(limit_s=5.0)
  # Five were written, and two taken: nothing was lost by the wait.
  assert fakes.size(sides.client, targets.LABELLED) == 3


def test_a_server_that_starts_again_takes_the_next_batch():
  with fakes.serving(_table()) as server:
    sides = _Sides(server)
    sides.write()
  with fakes.serving(_table(), port=server.port) as again:
    fakes.wait_until_up(sides.connection, targets.LABELLED)
    client = again.localhost_client()
    # What the dead server was given is lost, which Reverb may hide at first.
    for _ in range(10):
      with contextlib.suppress(TimeoutError):
        sides.write(limit_s=1.0)
      if fakes.size(client, targets.LABELLED):
        return
    raise AssertionError('no batch arrived')


def test_a_queue_that_stays_full_is_an_error_that_names_all(sides):
  _fill(sides)
  with pytest.raises(TimeoutError) as raised:
    sides.writer.wait_for_room(limit_s=0.1)
  line = str(raised.value)
  for part in ('tester', 'room', "'labelled'", sides.connection.address):
    assert part in line


@pytest.mark.parametrize('target', [(0.5,), (0.5, 0.25, 0.0)])
def test_targets_of_another_batch_size_are_refused(sides, target):
  with pytest.raises(ValueError, match='signature'):
    sides.write(target=target)


# The learner's batches.


def test_batches_arrive_with_their_targets_in_order(sides):
  sides.write(episode_id=3, target=(0.5, 0.25))
  sides.write(episode_id=4, target=(1.0, 0.0))
  expected = {3: [0.5, 0.25], 4: [1.0, 0.0]}
  for (experience, extra), (episode, target) in zip(
    sides.read(2), expected.items(), strict=True
  ):
    np.testing.assert_array_equal(extra['target'], target)
    np.testing.assert_array_equal(experience.label.step, [[0], [1]])
    np.testing.assert_array_equal(
      experience.label.episode_id, np.full([2, 1], episode)
    )
    np.testing.assert_allclose(
      experience.trajectory.observation['x'][..., 0],
      [[episode], [episode + 0.01]],
      rtol=1e-6,
    )


def test_batches_are_of_a_form_that_an_agent_learns_from(sides):
  dataset = targets.make_dataset(sides.client, _SPEC, _meter())
  experience, extra = dataset.element_spec
  assert extra == {'target': tf.TensorSpec([2], tf.float32)}
  for spec, part in zip(
    tf.nest.flatten(experience), tf.nest.flatten(_SPEC), strict=True
  ):
    assert spec.shape == [2, 1, *part.shape]
    assert spec.dtype == part.dtype


def test_a_batch_that_is_too_old_is_passed_over(sides):
  meter = _meter(step=10, max_age=4)
  sides.write(episode_id=3, step=5)
  sides.write(episode_id=4, step=6)
  ((experience, _),) = sides.read(1, meter)
  assert experience.label.episode_id[0, 0] == 4
  assert meter.numbers() == {
    'target_age': 4,
    'target_age_max': 4,
    'targets_dropped': 0.5,
  }


def test_the_learner_augments_pictures_itself():
  spec = pictures.step_spec()
  config = augmentation.AugmentConfig(brightness=0.04)
  with fakes.serving(_table(spec)) as server:
    sides = _Sides(server)
    columns = _columns(20, spec, pictures.make_episode)
    sides.writer.write(columns, np.zeros(2), 10, limit_s=5)
    ((experience, _),) = sides.read(1, spec=spec, augment=config, seed=1)
  # The pixels were 10 * 20 + step.
  image = experience.trajectory.observation['image'].astype(int)
  changes = image - 200 - experience.label.step[..., None, None, None]
  by_item = changes[:, 0, 0, 0, 0]
  assert (changes == by_item[:, None, None, None, None]).all()
  assert by_item.any()
  assert np.abs(by_item).max() <= 10  # .04 * 255
