import itertools
import time

import numpy as np
import pytest
import reverb

from awopt_agent.experience import augmentation, datasets, packing, tables
from awopt_agent.experience import replay as replay_lib
from tests import fakes
from tests.experience import pictures


@pytest.fixture(name='replay')
def _replay(tmp_path):
  replay = replay_lib.Replay(
    fakes.step_spec(),
    tables.ReplayConfig(),
    steps_per_item=2,
    scratch=str(tmp_path / 'scratch'),
  )
  yield replay
  replay.close()


def fill(replay, *, successes=0, failures=0):
  """Writes episodes of 5 transitions."""
  writer = tables.EpisodeWriter(
    replay.client, fakes.step_spec(), steps_per_item=2
  )
  for index in range(successes):
    writer(fakes.make_episode(5, episode_id=index, success=True))
  for index in range(failures):
    writer(fakes.make_episode(5, episode_id=1000 + index, success=False))
  writer.close()


def batches(replay, **kwargs):
  dataset = datasets.make_dataset(replay.client, fakes.step_spec(), **kwargs)
  return (experience for experience, _ in dataset.as_numpy_iterator())


def shares(replay, count, **kwargs):
  """Returns the share of successes in each of some batches."""
  found = itertools.islice(batches(replay, **kwargs), count)
  return [batch.label.success[:, 0].mean() for batch in found]


# Batches from a server.


@pytest.mark.parametrize(
  ('fraction', 'batch_size', 'share'),
  [(0.5, 8, 0.5), (0.25, 16, 0.25), (0.5, 7, 4 / 7), (0.0, 4, 0), (1.0, 4, 1)],
)
def test_each_batch_holds_the_fraction_of_successes(
  replay, fraction, batch_size, share
):
  fill(replay, successes=1, failures=6)
  found = shares(replay, 20, batch_size=batch_size, success_fraction=fraction)
  np.testing.assert_allclose(found, [share] * 20)


def test_without_a_fraction_successes_come_in_proportion(replay):
  fill(replay, successes=3, failures=1)
  found = shares(replay, 150, batch_size=16, success_fraction=None)
  # 600 chunks of 4: 5 standard errors are 5 sqrt(.75 * .25 / 600) = .088.
  assert abs(np.mean(found) - 0.75) < 0.088
  assert len(set(found)) > 1


@pytest.mark.parametrize('kind', ['successes', 'failures'])
def test_draws_from_one_table_while_the_other_is_empty_then_from_both(
  replay, kind
):
  fill(replay, **{kind: 2})
  stream = batches(replay, batch_size=8)

  def share():
    return next(stream).label.success[:, 0].mean()

  alone = 1.0 if kind == 'successes' else 0.0
  assert [share() for _ in range(20)] == [alone] * 20

  fill(replay, **{'failures' if kind == 'successes' else 'successes': 2})
  limit = time.monotonic() + 60
  while share() != 0.5:
    assert time.monotonic() < limit, 'the other table was never drawn from'
  assert [share() for _ in range(20)] == [0.5] * 20


def test_waits_for_the_first_item(replay):
  stream = batches(replay, batch_size=4)
  fill(replay, successes=1)
  assert next(stream).label.success.all()


def test_items_are_consecutive_steps_of_one_episode(replay):
  fill(replay, successes=4, failures=4)
  for batch in itertools.islice(batches(replay, batch_size=16), 20):
    label = batch.label
    assert label.step.shape == (16, 2)
    np.testing.assert_array_equal(
      label.episode_id[:, 0], label.episode_id[:, 1]
    )
    np.testing.assert_array_equal(label.step[:, 1], label.step[:, 0] + 1)
    np.testing.assert_allclose(
      batch.trajectory.observation['x'][..., 0],
      label.episode_id + label.step / 100,
      rtol=1e-6,
    )


def test_all_items_of_a_table_are_drawn(replay):
  fill(replay, successes=2)
  drawn = set()
  for batch in itertools.islice(batches(replay, batch_size=16), 60):
    drawn.update(
      zip(batch.label.episode_id[:, 0], batch.label.step[:, 0], strict=True)
    )
  assert drawn == {(e, step) for e in range(2) for step in range(5)}


def test_a_batch_fits_the_agent(replay):
  fill(replay, successes=1, failures=1)
  agent = fakes.make_agent()
  dataset = datasets.make_dataset(
    replay.client, agent.training_data_spec, batch_size=4
  )
  experience, extra = dataset.element_spec
  assert extra == ()
  assert experience.label.step.shape == (4, 2)
  (batch, _) = next(iter(dataset))
  assert np.isfinite(agent.train(batch).loss)


def test_packed_batches_unpack_to_the_same(replay):
  fill(replay, successes=1, failures=1)
  spec = fakes.step_spec()
  packed = datasets.make_packed_dataset(
    replay.client, spec, batch_size=4, success_fraction=0.25
  )
  unpack = packing.StepPacking(spec).unpack
  assert packed.element_spec.keys() == packing.StepPacking(spec).spec.keys()
  for columns in packed.take(5):
    label = unpack(columns).label
    np.testing.assert_array_equal(label.step[:, 1], label.step[:, 0] + 1)
    # A quarter of four.
    assert sorted(label.success.numpy()[:, 0]) == [False] * 3 + [True]


def test_steps_of_another_agent_are_refused(replay):
  other = fakes.step_spec()
  other.trajectory.observation['y'] = other.trajectory.observation['x']
  with pytest.raises(ValueError, match=r'small_\w+.*one training_data_spec'):
    datasets.make_dataset(replay.client, other, batch_size=4)


# Images.


def picture_batches(tmp_path, count, *, steps_per_item=2, **kwargs):
  """Draws batches from a replay of two episodes with pictures."""
  spec = pictures.step_spec()
  replay = replay_lib.Replay(
    spec,
    tables.ReplayConfig(),
    steps_per_item=steps_per_item,
    scratch=str(tmp_path / 'pictures'),
  )
  writer = tables.EpisodeWriter(
    replay.client, spec, steps_per_item=steps_per_item
  )
  writer(pictures.make_episode(7, episode_id=1, success=True))
  writer(pictures.make_episode(6, episode_id=2, success=False))
  writer.close()
  dataset = datasets.make_dataset(replay.client, spec, batch_size=16, **kwargs)
  found = [batch for batch, _ in dataset.take(count).as_numpy_iterator()]
  replay.close()
  return found


def changes_of(batch):
  """Returns what each picture of a batch has above what was written."""
  images, label = batch.trajectory.observation['image'], batch.label
  assert images.dtype == np.uint8
  assert images.shape == (*label.step.shape, *pictures.SHAPE)
  values = 10 * label.episode_id + label.step
  return images.astype(int) - values[..., None, None, None]


# Items of four steps come from two chunks of images, or three.
@pytest.mark.parametrize('steps_per_item', [2, 4])
@pytest.mark.parametrize('augment', [None, augmentation.AugmentConfig()])
def test_images_come_as_they_were_written(tmp_path, steps_per_item, augment):
  for batch in picture_batches(
    tmp_path, 20, steps_per_item=steps_per_item, augment=augment
  ):
    assert not changes_of(batch).any()


def test_images_are_augmented_item_by_item(tmp_path):
  config = augmentation.AugmentConfig(crop_px=2, brightness=0.04)
  seen = set()
  for batch in picture_batches(tmp_path, 5, augment=config):
    changes = changes_of(batch)
    by_item = changes[:, 0, 0, 0, 0]
    assert (changes == by_item[:, None, None, None, None]).all()
    seen.update(by_item)
  # Darker pixels than 0 are not at stake: .04 * 255 is 10.2.
  assert seen <= set(range(-10, 11))
  assert len(seen) > 10


# The plan of a batch.


@pytest.mark.parametrize(
  ('batch_size', 'fraction', 'chunk', 'count'),
  [
    (64, 0.5, 32, 2),
    (64, 0.25, 16, 4),
    (10, 0.3, 1, 10),
    (64, 0.0, 64, 1),
    (64, 1.0, 64, 1),
    (64, None, 4, 16),
    (6, None, 2, 3),
    (5, None, 1, 5),
  ],
)
def test_a_batch_is_made_of_equal_chunks(batch_size, fraction, chunk, count):
  assert datasets._chunking(batch_size, fraction) == (chunk, count)


@pytest.mark.parametrize('fraction', [-0.1, 1.1])
def test_a_fraction_outside_of_0_to_1_is_refused(fraction):
  with pytest.raises(ValueError, match='success_fraction'):
    datasets._chunking(8, fraction)


@pytest.mark.parametrize('batch_size', range(1, 41))
def test_rounding_gives_the_nearest_number_of_successes(batch_size):
  for percent in range(0, 101, 5):
    fraction = percent / 100
    chunk, count = datasets._chunking(batch_size, fraction)
    plans = datasets._plans(
      lambda: (1, 1), count, fraction, np.random.default_rng(0)
    )
    successes = chunk * np.sum(next(plans) == 0)
    assert successes == round(fraction * batch_size)


def plans_of(sizes, count, fraction, number=1, seed=0):
  plans = datasets._plans(
    lambda: sizes, count, fraction, np.random.default_rng(seed)
  )
  return np.array(list(itertools.islice(plans, number)))


def test_an_empty_table_is_not_in_the_plan():
  np.testing.assert_array_equal(plans_of((3, 0), 4, 0.5), [[0, 0, 0, 0]])
  np.testing.assert_array_equal(plans_of((0, 3), 4, 0.5), [[1, 1, 1, 1]])
  np.testing.assert_array_equal(plans_of((3, 3), 4, 0.5), [[0, 0, 1, 1]])
  assert not plans_of((3, 0), 4, None, number=50).any()
  assert plans_of((0, 3), 4, None, number=50).all()


def test_the_plan_in_proportion_is_fixed_by_its_seed():
  one, two, three = (
    plans_of((1, 1), 8, None, number=10, seed=seed) for seed in (0, 0, 1)
  )
  np.testing.assert_array_equal(one, two)
  assert not np.array_equal(one, three)


class _FakeInfo:
  def __init__(self, size):
    self.current_size = size


class _FakeClient:
  """Answers with sizes, one pair a call; the last pair again and again.

  An exception in the place of a pair is raised.
  """

  server_address = 'nowhere:1'

  def __init__(self, *answers):
    self.answers = list(answers)
    self.calls = 0

  def server_info(self, timeout):
    del timeout
    self.calls += 1
    answer = self.answers[min(self.calls, len(self.answers)) - 1]
    if isinstance(answer, Exception):
      raise answer
    names = tables.SUCCESS, tables.FAILURE
    return {
      name: _FakeInfo(size) for name, size in zip(names, answer, strict=True)
    }


def test_sizes_are_asked_for_now_and_then(monkeypatch):
  client = _FakeClient((1, 0), (2, 5))
  sizes = datasets._cached_sizes(client)
  monkeypatch.setattr(datasets, '_REFRESH_S', 0.5)
  assert [sizes() for _ in range(3)] == [(1, 0)] * 3
  assert client.calls == 1
  time.sleep(0.6)
  assert sizes() == (2, 5)


def test_waits_until_there_is_an_item():
  client = _FakeClient((0, 0), (0, 0), (0, 4))
  assert datasets._cached_sizes(client)() == (0, 4)


_GONE = (
  RuntimeError('Socket closed'),
  reverb.errors.DeadlineExceededError('no answer'),
)


def test_a_server_that_is_gone_for_a_while_ends_nothing(monkeypatch):
  monkeypatch.setattr(datasets, '_REFRESH_S', 0.1)
  sizes = datasets._cached_sizes(_FakeClient((1, 0), *_GONE, (2, 5)))
  found = []
  for _ in range(4):
    found.append(sizes())
    time.sleep(0.15)
  assert found == [(1, 0), (1, 0), (1, 0), (2, 5)]


@pytest.mark.parametrize('error', _GONE, ids=lambda error: type(error).__name__)
def test_a_server_that_was_never_there_is_an_error(error):
  with pytest.raises(type(error)):
    datasets._cached_sizes(_FakeClient(error))()


def test_gives_up_where_no_item_ever_comes(monkeypatch):
  monkeypatch.setattr(datasets, '_FIRST_ITEM_LIMIT_S', 0.01)
  with pytest.raises(TimeoutError, match='write demonstrations'):
    datasets._cached_sizes(_FakeClient((0, 0)))()
