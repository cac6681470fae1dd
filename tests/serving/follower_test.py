import os
import shutil
import threading
import time

import numpy as np
import pytest

from awopt_agent.serving import export as export_lib
from awopt_agent.serving import follower as follower_lib
from awopt_agent.serving import layout
from awopt_agent.serving import limits as limits_lib
from tests.serving import fakes

OBSERVATION = fakes.observe(fakes.BARE_OBSERVATION, 1)


@pytest.fixture(name='store', scope='module')
def _store(tmp_path_factory):
  """Versions 1 to 4, and version 5 of another task."""
  store = tmp_path_factory.mktemp('store')
  agent = fakes.LinearAgent()
  for step in (1, 2, 3, 4):
    agent.policies['actor'].matrix.assign(np.full([4, 2], step / 100))
    export_lib.export(agent, str(store), train_step=step)
  export_lib.export(fakes.make_picture_agent(), str(store), train_step=5)
  return store


@pytest.fixture(name='folder')
def _folder(store, tmp_path):
  """A parent with version 1, to which others are added."""
  folder = tmp_path / 'policies'
  shutil.copytree(store / '1', folder / '1')
  return folder


@pytest.fixture(name='lines')
def _lines():
  return []


@pytest.fixture(name='follower')
def _follower(folder, lines):
  return _follow(folder, lines)


def _follow(folder, lines, **kwargs):
  return follower_lib.Follower(
    str(folder), **{'every_s': None, 'report': lines.append, **kwargs}
  )


def _add(store, folder, version):
  """Adds a version as an export does: it appears whole."""
  shutil.copytree(store / version, folder / f'.partial-{version}')
  os.rename(folder / f'.partial-{version}', folder / version)


def _corrupt(version):
  path = version / 'variables' / 'variables.data-00000-of-00001'
  path.write_bytes(path.read_bytes()[:-1] + b'x')


def test_serves_the_newest_and_then_a_newer_one(store, folder, follower, lines):
  first = follower.predictor
  assert first.version == 1 and not follower.refresh()
  before = first.predict(OBSERVATION)
  _add(store, folder, '3')
  assert follower.refresh()
  assert follower.predictor.version == 3
  assert lines == [f'{folder}/3: serves from now on']
  # 3 tanh of .03 and of .01 times the same sum.
  after = follower.predictor.predict(OBSERVATION)
  np.testing.assert_allclose(
    np.arctanh(after / 3), 3 * np.arctanh(before / 3), rtol=1e-4
  )
  # Calls in flight go on with the one that they took.
  np.testing.assert_array_equal(first.predict(OBSERVATION), before)
  _add(store, folder, '2')
  assert not follower.refresh() and follower.predictor.version == 3


def test_an_incomplete_version_is_skipped_until_it_is_whole(
  store, folder, follower, lines
):
  shutil.copytree(store / '2', folder / '2')
  (folder / '2' / 'saved_model.pb').unlink()
  for index in range(3):  # It is still being copied.
    (folder / '2' / f'.file-{index}').write_text('')
    assert not follower.refresh()
  assert follower.predictor.version == 1
  (line,) = lines
  assert line.startswith(f'{folder}/2 lacks saved_model.pb; ')
  assert line.endswith('Skipped: 1 goes on.') and '\n' not in line
  shutil.copy(store / '2' / 'saved_model.pb', folder / '2')
  assert follower.refresh() and follower.predictor.version == 2


def test_a_corrupt_version_is_skipped_for_an_older_good_one(
  store, folder, follower, lines
):
  _add(store, folder, '3')
  _corrupt(folder / '3')
  _add(store, folder, '2')
  assert follower.refresh() and follower.predictor.version == 2
  assert not follower.refresh()
  assert len(lines) == 2
  assert 'variables.data-00000-of-00001 differs from what' in lines[0]
  # It is exported again, and good.
  shutil.rmtree(folder / '3')
  _add(store, folder, '3')
  assert follower.refresh() and follower.predictor.version == 3


def test_begins_with_the_newest_that_is_good(store, folder, lines):
  _add(store, folder, '2')
  _corrupt(folder / '2')
  assert _follow(folder, lines).predictor.version == 1
  assert len(lines) == 1 and lines[0].endswith('an older one may do.')


def test_without_a_good_version_it_does_not_begin(folder, lines):
  _corrupt(folder / '1')
  with pytest.raises(ValueError, match='holds no good version; .*differs from'):
    _follow(folder, lines)
  with pytest.raises(ValueError, match='no is no folder'):
    _follow(folder / 'no', lines)
  with pytest.raises(ValueError, match='every_s must be > 0, got 0'):
    _follow(folder, lines, every_s=0)


def test_damage_to_what_serves_changes_nothing(folder, follower, store, lines):
  _add(store, folder, '2')
  follower.refresh()
  _corrupt(folder / '2')
  assert not follower.refresh() and follower.predictor.version == 2
  assert 'Skipped: 2 goes on' in lines[-1]


def test_a_version_that_is_overwritten_is_loaded_again(store, folder, follower):
  old = follower.predictor
  shutil.rmtree(folder / '1')
  shutil.copytree(store / '1', folder / '1', copy_function=shutil.copyfile)
  assert follower.refresh()
  assert follower.predictor is not old and follower.predictor.version == 1


def test_what_is_taken_back_serves_no_more(store, folder, follower):
  _add(store, folder, '2')
  follower.refresh()
  shutil.rmtree(folder / '2')
  assert follower.refresh() and follower.predictor.version == 1
  shutil.rmtree(folder)
  assert not follower.refresh() and follower.predictor.version == 1


def test_a_policy_of_another_task_is_not_served(store, folder, follower, lines):
  _add(store, folder, '5')
  assert not follower.refresh() and follower.predictor.version == 1
  assert 'its observation spec differs from that of version 1' in lines[0]


def test_another_version_of_tensorflow_is_named(store, folder, follower, lines):
  _add(store, folder, '2')
  metadata = folder / '2' / layout.METADATA
  text = metadata.read_text().replace(
    '"tensorflow": "2.1', '"tensorflow": "3.1'
  )
  metadata.write_text(text)
  (folder / '2' / 'assets.extra' / 'SHA256SUMS').unlink()
  layout.write_checksums(str(folder / '2'))
  assert follower.refresh()
  assert 'from now on; exported with TensorFlow 3.1' in lines[0]
  assert ', the one before with 2.1' in lines[0]


def test_all_versions_get_the_same_policy_and_limits(store, folder, lines):
  limits = limits_lib.ActionLimits('action', greatest_step_m=1e-3)
  follower = _follow(folder, lines, policy='actor', limits=limits)
  _add(store, folder, '2')
  follower.refresh()
  assert follower.predictor.policy == 'actor'
  action = follower.predictor.predict(OBSERVATION)
  np.testing.assert_allclose(np.linalg.norm(action), 1e-3, rtol=1e-5)


def test_looks_by_itself_while_others_ask(store, folder, lines):
  seen, stop = [], threading.Event()
  with _follow(folder, lines, every_s=0.05) as follower:

    def ask():
      while not stop.is_set():
        predictor = follower.predictor
        predictor.predict(OBSERVATION)
        seen.append(predictor.version)

    thread = threading.Thread(target=ask)
    thread.start()
    for version in ('2', '3'):
      _add(store, folder, version)
      deadline = time.monotonic() + 30
      while follower.predictor.version != int(version):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    stop.set()
    thread.join()
  assert seen == sorted(seen) and seen[0] == 1
  # Closed, it looks no more.
  _add(store, folder, '4')
  time.sleep(0.2)
  assert follower.predictor.version == 3


def test_a_disk_that_failed_once_is_asked_again(
  store, folder, follower, lines, monkeypatch
):
  load = follower._load
  failures = iter([OSError('input/output error'), MemoryError()])

  def fail_first(path):
    for error in failures:
      raise error
    return load(path)

  monkeypatch.setattr(follower, '_load', fail_first)
  _add(store, folder, '2')
  assert not follower.refresh() and not follower.refresh()
  assert follower.refresh() and follower.predictor.version == 2
  assert len(lines) == 2  # Once that it was skipped, and that it serves.


def test_nobody_who_listens_ends_no_look(store, folder):
  def gone(line):
    raise BrokenPipeError(line)

  follower = follower_lib.Follower(str(folder), every_s=None, report=gone)
  _add(store, folder, '2')
  assert follower.refresh() and follower.predictor.version == 2
