import os

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.trajectories import trajectory as trajectory_lib

from awopt_agent.experience import contents, tables
from awopt_agent.experience import replay as replay_lib
from tests import fakes


@pytest.fixture(name='save')
def _save(tmp_path):
  """Saves a replay of episodes to a folder."""

  def save(episodes, *, steps_per_item=2, sample=False):
    spec = tf.nest.map_structure(
      lambda column: tf.TensorSpec(column.shape[1:], column.dtype), episodes[0]
    )
    replay = replay_lib.Replay(
      spec,
      tables.ReplayConfig(),
      steps_per_item=steps_per_item,
      scratch=str(tmp_path / 'scratch'),
    )
    writer = tables.EpisodeWriter(
      replay.client, spec, steps_per_item=steps_per_item
    )
    for episode in episodes:
      writer(episode)
    writer.close()
    if sample:
      assert len(list(replay.client.sample('success', 50))) == 50
    folder = str(tmp_path / 'saved')
    replay.save(folder)
    replay.close()
    return folder, spec

  return save


def _rows(label):
  return list(zip(label.episode_id.tolist(), label.step.tolist(), strict=True))


@pytest.mark.parametrize('steps_per_item', [2, 4])
def test_lists_each_item_once_in_order(save, steps_per_item):
  folder, spec = save(
    [
      fakes.make_episode(3, episode_id=7, success=True),
      fakes.make_episode(2, episode_id=5, success=False, source=2),
      fakes.make_episode(1, episode_id=8, success=True, source=1),
    ],
    steps_per_item=steps_per_item,
    sample=True,  # What was drawn is still there.
  )
  labels = contents.read_labels(folder, spec, steps_per_item=steps_per_item)
  success, failure = labels['success'], labels['failure']
  assert _rows(success) == [(7, 0), (7, 1), (7, 2), (8, 0)]
  assert _rows(failure) == [(5, 0), (5, 1)]
  np.testing.assert_array_equal(success.length, [3, 3, 3, 1])
  np.testing.assert_array_equal(success.source, [0, 0, 0, 1])
  np.testing.assert_array_equal(success.success, [True] * 4)
  np.testing.assert_array_equal(failure.success, [False] * 2)
  assert success.episode_id.dtype == np.int64


def test_a_table_without_items_has_empty_labels(save):
  folder, spec = save([fakes.make_episode(2, success=False)])
  label = contents.read_labels(folder, spec, steps_per_item=2)['success']
  for part, part_spec in zip(label, spec.label, strict=True):
    assert part.shape == (0,)
    assert part.dtype == part_spec.dtype.as_numpy_dtype


def _with_images(episode):
  image = np.random.default_rng(0).integers(
    0, 256, (len(episode.label.step), 64, 64, 3), np.uint8
  )
  trajectory = episode.trajectory
  return episode._replace(
    trajectory=trajectory_lib.Trajectory(
      **{
        **trajectory._asdict(),
        'observation': {**trajectory.observation, 'image': image},
      }
    )
  )


def test_images_are_left_out_on_the_way(save, tmp_path, monkeypatch):
  folder, spec = save([_with_images(fakes.make_episode(20))])
  # Random bytes are not compressed: 21 images of 64 * 64 * 3 bytes.
  assert os.path.getsize(f'{folder}/chunks.tfrecord') > 21 * 12_288
  served = []
  serve = contents.restoring.serve

  def note(root, *args, **kwargs):
    served.append(os.path.getsize(f'{root}/saved/chunks.tfrecord'))
    return serve(root, *args, **kwargs)

  monkeypatch.setattr(contents.restoring, 'serve', note)
  scratch = tmp_path / 'temporary'
  scratch.mkdir()
  labels = contents.read_labels(
    folder, spec, steps_per_item=2, scratch=str(scratch)
  )
  assert _rows(labels['success']) == [(1, step) for step in range(20)]
  assert served[0] < 10_000
  assert os.listdir(scratch) == []


def test_items_of_other_steps_are_refused(save):
  folder, spec = save([fakes.make_episode(3)])
  with pytest.raises(ValueError, match='other columns'):
    contents.read_labels(folder, spec, steps_per_item=3)


def test_an_incomplete_replay_is_refused(save):
  folder, spec = save([fakes.make_episode(3)])
  os.remove(f'{folder}/DONE')
  with pytest.raises(ValueError, match='no complete replay'):
    contents.read_labels(folder, spec, steps_per_item=2)
