import os

import pytest

from awopt_agent.serving import layout

_FILES = (
  'saved_model.pb',
  'variables/variables.index',
  layout.SPECS,
  layout.METADATA,
  layout.CONFIG,
  layout.GOLDEN,
)


def _make_version(target, content='x', overwrite=False):
  with layout.folder_that_becomes(str(target), overwrite=overwrite) as partial:
    os.mkdir(os.path.join(partial, 'variables'))
    for name in _FILES:
      with open(os.path.join(partial, name), 'w', encoding='utf-8') as file:
        file.write(content)
    layout.write_checksums(partial)


def test_a_version_appears_with_all_its_files(tmp_path):
  with layout.folder_that_becomes(
    str(tmp_path / 'deep' / '5'), overwrite=False
  ) as partial:
    assert not (tmp_path / 'deep' / '5').exists()
    assert not os.path.basename(partial).isdecimal()
  assert os.listdir(tmp_path / 'deep') == ['5']
  assert (tmp_path / 'deep' / '5').stat().st_mode & 0o777 == 0o755


def test_a_version_passes_its_own_check(tmp_path):
  _make_version(tmp_path / '5')
  layout.check_files(str(tmp_path / '5'))


def test_a_failure_removes_what_was_made_and_nothing_else(tmp_path):
  (tmp_path / 'mine').write_text('')
  with (
    pytest.raises(RuntimeError),
    layout.folder_that_becomes(
      str(tmp_path / 'a' / 'b' / '5'), overwrite=False
    ),
  ):
    raise RuntimeError
  assert os.listdir(tmp_path) == ['mine']


def test_a_replacement_that_cannot_be_renamed_gives_the_old_one_back(
  tmp_path, monkeypatch
):
  _make_version(tmp_path / '5', 'old')
  rename = os.rename

  def fails(source, target):
    if '.partial-' in source:
      raise OSError('no')
    rename(source, target)

  monkeypatch.setattr(os, 'rename', fails)
  with pytest.raises(OSError, match='no'):
    _make_version(tmp_path / '5', 'new', overwrite=True)
  assert os.listdir(tmp_path) == ['5']
  assert (tmp_path / '5' / 'saved_model.pb').read_text() == 'old'


def test_finds_the_version_itself_or_the_newest_in_its_parent(tmp_path):
  for step in ('9', '10'):
    _make_version(tmp_path / step)
  assert layout.find_version(str(tmp_path)) == str(tmp_path / '10')
  assert layout.find_version(str(tmp_path / '9')) == str(tmp_path / '9')


def test_a_parent_whose_name_is_a_number_is_still_a_parent(tmp_path):
  _make_version(tmp_path / '42' / '7')
  found = layout.find_version(str(tmp_path / '42'))
  assert found == str(tmp_path / '42' / '7')


def test_skips_a_version_whose_sums_are_damaged(tmp_path):
  for step in ('9', '10'):
    _make_version(tmp_path / step)
  (tmp_path / '10' / 'assets.extra' / 'SHA256SUMS').write_text('')
  assert layout.find_version(str(tmp_path)) == str(tmp_path / '9')
