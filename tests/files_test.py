import errno
import os
import shutil

import pytest

from awopt_agent import files


def _make(target, content, overwrite=False):
  with files.folder_that_becomes(str(target), overwrite=overwrite) as partial:
    with open(os.path.join(partial, 'part'), 'w', encoding='utf-8') as file:
      file.write(content)


def test_a_folder_appears_under_its_name_when_it_is_whole(tmp_path):
  with files.folder_that_becomes(
    str(tmp_path / 'deep' / '5'), overwrite=False
  ) as partial:
    assert not (tmp_path / 'deep' / '5').exists()
    assert not os.path.basename(partial).isdecimal()
  assert os.listdir(tmp_path / 'deep') == ['5']
  assert (tmp_path / 'deep' / '5').stat().st_mode & 0o777 == 0o755


def test_a_failure_removes_what_was_made_and_nothing_else(tmp_path):
  (tmp_path / 'mine').write_text('')
  with (
    pytest.raises(RuntimeError),
    files.folder_that_becomes(str(tmp_path / 'a' / 'b' / '5'), overwrite=False),
  ):
    raise RuntimeError
  assert os.listdir(tmp_path) == ['mine']


def test_a_replacement_that_cannot_be_renamed_gives_the_old_one_back(
  tmp_path, monkeypatch
):
  _make(tmp_path / '5', 'old')
  rename = os.rename

  def fails(source, target):
    if '.partial-' in source:
      raise OSError('no')
    rename(source, target)

  monkeypatch.setattr(os, 'rename', fails)
  with pytest.raises(OSError, match='no'):
    _make(tmp_path / '5', 'new', overwrite=True)
  assert os.listdir(tmp_path) == ['5']
  assert (tmp_path / '5' / 'part').read_text() == 'old'


def test_an_existing_folder_is_refused_and_kept(tmp_path):
  _make(tmp_path / '5', 'old')
  with pytest.raises(FileExistsError, match='5 exists; .*overwrite'):
    _make(tmp_path / '5', 'new')
  assert (tmp_path / '5' / 'part').read_text() == 'old'


def test_a_disk_error_becomes_one_line_with_place_and_remedy():
  with (
    pytest.raises(OSError, match='cannot write x: No space.*; free some'),
    files.clear_disk_errors('write x', 'free some'),
  ):
    raise OSError(28, 'No space left on device')


def _make_folder(path):
  path.mkdir()
  (path / 'file').write_text('mine')
  return str(path)


@pytest.fixture(name='other_disk')
def _other_disk(monkeypatch):
  """Renaming works within a folder alone."""
  rename = os.rename

  def within(source, target):
    if os.path.dirname(source) != os.path.dirname(target):
      raise OSError(errno.EXDEV, 'Invalid cross-device link')
    rename(source, target)

  monkeypatch.setattr(os, 'rename', within)


@pytest.mark.parametrize('other', [False, True])
def test_a_folder_moves_as_a_whole(tmp_path, request, other):
  if other:
    request.getfixturevalue('other_disk')
  source = _make_folder(tmp_path / 'a')
  (tmp_path / 'deep').mkdir()
  files.move_folder(source, str(tmp_path / 'deep' / 'b'))
  assert [p.name for p in tmp_path.iterdir()] == ['deep']
  assert os.listdir(tmp_path / 'deep') == ['b']
  assert (tmp_path / 'deep' / 'b' / 'file').read_text() == 'mine'


@pytest.mark.parametrize('other', [False, True])
def test_a_move_makes_no_folder_on_the_way(tmp_path, request, other):
  if other:
    request.getfixturevalue('other_disk')
  source = _make_folder(tmp_path / 'a')
  with pytest.raises(FileNotFoundError):
    files.move_folder(source, str(tmp_path / 'gone' / 'b'))
  assert [p.name for p in tmp_path.iterdir()] == ['a']


def test_a_move_that_fails_on_the_way_leaves_nothing_behind(
  tmp_path, other_disk, monkeypatch
):
  source = _make_folder(tmp_path / 'a')
  (tmp_path / 'deep').mkdir()

  def full(*_, **__):
    raise OSError(errno.ENOSPC, 'No space left on device')

  monkeypatch.setattr(shutil, 'copytree', full)
  with pytest.raises(OSError, match='No space'):
    files.move_folder(source, str(tmp_path / 'deep' / 'b'))
  assert os.listdir(tmp_path / 'deep') == []
  assert os.listdir(source) == ['file']
