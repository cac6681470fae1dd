import shutil
import subprocess

import pytest

from awopt_agent import resources
from awopt_agent.trials import sources


@pytest.fixture(name='package')
def _package(monkeypatch, tmp_path):
  """Puts a small package in the place of awopt_agent; returns a writer."""
  root = tmp_path / 'awopt_agent'
  monkeypatch.setattr(resources, '__file__', str(root / 'resources.py'))

  def write(name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)

  write('__init__.py', '__version__ = "1"\n')
  write('a/__init__.py', '')
  write('a/top.py', 'import os\nfrom awopt_agent.a import low\nX = low.Y\n')
  write('a/low.py', '"""Doc."""\nY = 1\n')
  write('a/other.py', 'Z = 1\n')
  return write


def code():
  return sources.code(['awopt_agent.a.top'])


def test_imports_are_followed_at_any_depth_and_nothing_else(package):
  package('a/low.py', 'def f():\n  import awopt_agent.b.deep\n')
  package('b/__init__.py', 'from awopt_agent.c import one\n')
  package('b/deep.py', '')
  package('c/one.py', '')
  assert list(sources.modules(['awopt_agent.a.top'])) == [
    'awopt_agent.a',
    'awopt_agent.a.low',
    'awopt_agent.a.top',
    'awopt_agent.b',
    'awopt_agent.b.deep',
    'awopt_agent.c.one',
  ]


@pytest.mark.parametrize(
  'text',
  [
    '"""Another doc."""\nY = 1\n',
    'Y = 1\n',
    '# Why.\n\nY   =   1  # How.\n',
  ],
)
def test_comments_layout_and_docstrings_do_not_count(package, text):
  before = code()
  package('a/low.py', text)
  assert code() == before


def test_docstrings_of_functions_do_not_count_either(package):
  package('a/low.py', 'def f():\n  """One."""\nclass C:\n  """One."""\n')
  before = code()
  package('a/low.py', 'def f():\n  """Two."""\nclass C:\n  """Two."""\n')
  assert code() == before


def test_code_counts(package):
  before = code()
  package('a/low.py', '"""Doc."""\nY = 2\n')
  assert code() != before


def test_code_that_is_not_imported_does_not_count(package):
  before = code()
  package('a/other.py', 'Z = 2\n')
  package('__init__.py', '__version__ = "2"\n')
  assert code() == before


def test_the_training_imports_what_it_learns_with():
  found = sources.modules(['awopt_agent.train.session'])
  assert {
    'awopt_agent.agent',
    'awopt_agent.learning.cem',
    'awopt_agent.envs.simulation',
    'awopt_agent.train.loop',
  } <= found.keys()
  assert not [name for name in found if name.startswith('awopt_agent.trials')]


def test_what_serves_policies_decides_no_result():
  found = sources.modules(['awopt_agent.train.measuring'])
  assert 'awopt_agent.train.evaluation' in found
  assert not [name for name in found if name.startswith('awopt_agent.serving')]


def test_a_digest_tells_how_its_parts_are_divided():
  assert sources.digest(['ab', 'c']) != sources.digest(['a', 'bc'])
  assert sources.digest(['ab']) == sources.digest([b'ab'])


def test_the_files_of_a_set_count_and_its_description_does_not(tmp_path):
  (tmp_path / '1.0.0').mkdir()
  (tmp_path / '1.0.0' / 'data').write_bytes(b'1')
  before = sources.files_of(str(tmp_path))
  (tmp_path / 'README.md').write_text('Words.')
  assert sources.files_of(str(tmp_path)) == before
  copy = shutil.copytree(tmp_path, tmp_path.parent / 'copy')
  assert sources.files_of(str(copy)) == before
  (tmp_path / '1.0.0' / 'data').write_bytes(b'2')
  assert sources.files_of(str(tmp_path)) != before


def test_a_set_that_is_no_folder_counts_by_its_name():
  assert sources.files_of('no/such') != sources.files_of('no/other')


def test_the_commit_says_whether_there_are_changes(package, tmp_path):
  def git(*arguments):
    names = ('-c', 'user.name=n', '-c', 'user.email=e')
    subprocess.run(['git', '-C', tmp_path, *names, *arguments], check=True)

  assert sources.commit() == ''
  git('init', '-q')
  git('add', '.')
  git('commit', '-q', '-m', 'One')
  clean = sources.commit()
  assert len(clean) == 40
  (tmp_path / 'notes').write_text('untracked')
  assert sources.commit() == clean
  package('a/low.py', 'Y = 2\n')
  assert sources.commit() == f'{clean}-dirty'
