import json
import os

import pytest

from awopt_agent.train import manifest


@pytest.fixture(name='folder')
def _folder(tmp_path):
  (tmp_path / 'agent').write_bytes(b'weights')
  (tmp_path / 'replay').mkdir()
  (tmp_path / 'replay' / 'items').write_bytes(b'items')
  manifest.write(str(tmp_path), step=7, state={'episodes': 3}, variables='abc')
  return tmp_path


def test_lists_everything_with_sizes_and_sums(folder):
  record = manifest.read(str(folder))
  assert record['step'] == 7
  assert record['state'] == {'episodes': 3}
  assert record['variables'] == 'abc'
  assert {n: f['bytes'] for n, f in record['files'].items()} == {
    'agent': 7,
    'replay/items': 5,
  }
  # `printf weights | sha256sum`.
  assert record['files']['agent']['sha256'].startswith('9a129038')


def test_what_was_written_is_sound(folder):
  assert manifest.find_damage(str(folder)) is None


def test_files_that_came_later_do_no_harm(folder):
  (folder / 'notes').write_text('mine')
  assert manifest.find_damage(str(folder)) is None


@pytest.mark.parametrize(
  'content, reason',
  [
    (None, 'replay/items is missing'),
    (b'item', 'replay/items has 4 bytes instead of 5'),
    (b'jtems', 'replay/items has other content than was written'),
  ],
)
def test_says_what_is_wrong_with_a_file(folder, content, reason):
  os.remove(folder / 'replay' / 'items')
  if content is not None:
    (folder / 'replay' / 'items').write_bytes(content)
  assert manifest.find_damage(str(folder)) == reason
  assert manifest.find_damage(str(folder), leave_out='replay') is None


def _edit(folder, **changes):
  record = {**manifest.read(str(folder)), **changes}
  (folder / manifest.NAME).write_text(json.dumps(record))


@pytest.mark.parametrize(
  'harm, reason',
  [
    (lambda f: os.remove(f / manifest.NAME), 'manifest.json is missing'),
    (lambda f: os.truncate(f / manifest.NAME, 50), 'cannot be read'),
    (lambda f: (f / manifest.NAME).write_bytes(b'\\xff'), 'cannot be read'),
    (lambda f: (f / manifest.NAME).write_text('[]'), 'is incomplete'),
    (lambda f: (f / manifest.NAME).write_text('{"step": 1}'), 'is incomplete'),
    (lambda f: _edit(f, files={'agent': 7}), 'is incomplete'),
    (lambda f: _edit(f, files=None), 'is incomplete'),
    (lambda f: _edit(f, format=2), 'unknown format 2'),
  ],
)
def test_says_what_is_wrong_with_the_manifest(folder, harm, reason):
  harm(folder)
  assert reason in manifest.find_damage(str(folder))


def test_a_folder_of_an_earlier_version_is_told(folder):
  (folder / manifest.NAME).rename(folder / 'state.json')
  assert 'of an earlier version' in manifest.find_damage(str(folder))


def test_a_fingerprint_changes_with_any_file(folder):
  before = manifest.fingerprint(str(folder))
  assert manifest.fingerprint(str(folder)) == before
  (folder / 'replay' / 'items').write_bytes(b'more items')
  assert manifest.fingerprint(str(folder)) != before
