import os

from awopt_agent import files
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
  with files.folder_that_becomes(str(target), overwrite=overwrite) as partial:
    os.mkdir(os.path.join(partial, 'variables'))
    os.mkdir(os.path.join(partial, layout.EXTRA))
    for name in _FILES:
      with open(os.path.join(partial, name), 'w', encoding='utf-8') as file:
        file.write(content)
    layout.write_checksums(partial)


def test_a_version_passes_its_own_check(tmp_path):
  _make_version(tmp_path / '5')
  layout.check_files(str(tmp_path / '5'))


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
