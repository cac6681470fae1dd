import errno
import itertools
import os
import signal

import numpy as np
import pytest
from tf_agents.specs import array_spec

from awopt_agent.demos import (
  reader,
  recording_writer,
  schema,
  set_writer,
  sources,
)
from tests.demos import fakes


def _episodes(*lengths):
  return (fakes.make_episode(length, seed=length) for length in lengths)


def _record(folder, episodes, **kwargs):
  return recording_writer.record_episodes(
    episodes, str(folder), **{**fakes.SPECS, **kwargs}
  )


def _lengths(folder):
  return [episode.length for episode in reader.read_episodes(str(folder))]


def test_a_recording_is_read_as_it_was_made(tmp_path):
  path = _record(tmp_path / 'set', _episodes(1, 2, 3))
  assert path == str(tmp_path / 'set' / '1.0.0')
  read = list(reader.read_episodes(str(tmp_path / 'set')))
  for one, other in zip(read, _episodes(1, 2, 3), strict=True):
    fakes.assert_same(one, other)


def test_it_can_be_read_while_it_goes_on(tmp_path):
  seen = []

  def watched():
    for length in range(1, 51):
      yield fakes.make_episode(length)
      if os.path.exists(tmp_path / 'set'):
        builder = sources.open_set(str(tmp_path / 'set'))
        seen.append(builder.info.splits['train'].num_examples)

  _record(tmp_path / 'set', watched())
  # As soon as there are as many as before, or twenty: 1, 2, 4, 8, 16, 32.
  assert list(dict.fromkeys(seen)) == [1, 2, 4, 8, 16, 32]
  assert len(_lengths(tmp_path / 'set')) == 50


@pytest.mark.parametrize('error', [KeyboardInterrupt, SystemExit, ValueError])
def test_a_stop_keeps_every_complete_episode(tmp_path, error):
  def stopped():
    yield from _episodes(1, 2, 3, 4, 5, 6, 7)
    raise error

  with pytest.raises(error):
    _record(tmp_path / 'set', stopped())
  assert _lengths(tmp_path / 'set') == [1, 2, 3, 4, 5, 6, 7]


def test_a_stop_before_the_first_episode_leaves_nothing(tmp_path):
  def stopped():
    raise KeyboardInterrupt
    yield

  with pytest.raises(KeyboardInterrupt):
    _record(tmp_path / 'set', stopped())
  assert not list(tmp_path.iterdir())


def test_a_set_is_appended_to_on_request_alone(tmp_path):
  folder = str(tmp_path / 'set')
  assert recording_writer.count_before(folder, append=True) == 0
  _record(folder, _episodes(1, 2), append=True)
  with pytest.raises(FileExistsError, match='never overwritten'):
    recording_writer.count_before(folder, append=False)
  with pytest.raises(FileExistsError, match='never overwritten'):
    _record(folder, _episodes(3))
  assert recording_writer.count_before(folder, append=True) == 2
  _record(folder, _episodes(3), append=True)
  assert _lengths(folder) == [1, 2, 3]


def test_another_environment_is_not_appended(tmp_path):
  _record(tmp_path / 'set', _episodes(1))
  actions = {'move': array_spec.BoundedArraySpec((3,), 'f4', -1, 1)}
  with pytest.raises(ValueError, match='holds other fields') as raised:
    _record(
      tmp_path / 'set',
      itertools.repeat(None),
      append=True,
      action_spec=actions,
    )
  assert len(str(raised.value).splitlines()) == 1


def test_a_folder_without_a_set_is_not_appended_to(tmp_path):
  os.makedirs(tmp_path / 'set' / '1.0.0')
  with pytest.raises(ValueError, match='no data set to append to'):
    recording_writer.count_before(str(tmp_path / 'set'), append=True)


def test_a_signal_waits_until_an_episode_is_whole(tmp_path, monkeypatch):
  _record(tmp_path / 'set', _episodes(1))
  real = set_writer.SetWriter.add

  def interrupted(self, *args):
    signal.raise_signal(signal.SIGINT)
    real(self, *args)

  monkeypatch.setattr(set_writer.SetWriter, 'add', interrupted)
  with pytest.raises(KeyboardInterrupt):
    _record(tmp_path / 'set', _episodes(2, 3), append=True)
  assert _lengths(tmp_path / 'set') == [1, 2]


def _stored(length, **metadata):
  episode = fakes.make_episode(length, seed=length)
  return schema.StoredEpisode(schema.rows_from_episode(episode), metadata)


def test_a_stored_episode_is_read_once_it_was_handed_over(tmp_path):
  folder = str(tmp_path / 'set')
  writing = recording_writer.EpisodeWriter(folder)
  assert writing.episodes == 0 and not os.path.exists(folder)
  for length in (1, 2, 3):
    writing.add(_stored(length, success=np.bool_(length == 2)))
    assert writing.episodes == length
    assert _lengths(folder) == [1, 2, 3][:length]
  read = [one.metadata['success'] for one in reader.read_stored(folder)]
  assert read == [False, True, False]


def test_stored_episodes_are_appended_on_request_alone(tmp_path):
  folder = str(tmp_path / 'set')
  recording_writer.EpisodeWriter(folder).add(_stored(1, fault=''))
  with pytest.raises(FileExistsError, match='never overwritten'):
    recording_writer.EpisodeWriter(folder)
  writing = recording_writer.EpisodeWriter(folder, append=True)
  assert writing.episodes == 1
  writing.add(_stored(2, fault='camera'))
  with pytest.raises(ValueError, match='holds other fields'):
    writing.add(_stored(3))
  assert _lengths(folder) == [1, 2] and writing.episodes == 2


def test_a_full_disk_costs_the_episode_that_does_not_fit(tmp_path, monkeypatch):
  folder = str(tmp_path / 'set')
  writing = recording_writer.EpisodeWriter(folder)
  writing.add(_stored(1))

  def full(self):
    raise OSError(errno.ENOSPC, 'No space left on device')

  with monkeypatch.context() as patch:
    patch.setattr(set_writer.SetWriter, 'publish', full)
    with pytest.raises(OSError, match='what was written before is kept'):
      writing.add(_stored(2))
  assert _lengths(folder) == [1] and writing.episodes == 1
  writing.add(_stored(3))
  assert _lengths(folder) == [1, 3] and writing.episodes == 2
