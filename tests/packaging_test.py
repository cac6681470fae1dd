"""What pip and the wheel get to see: cheap checks of setup.py."""

import ast
import pathlib
import platform
import re
import runpy
import shutil
import subprocess
import sys

import pytest
from packaging import requirements, utils

ROOT = pathlib.Path(__file__).parent.parent
MAX_DATA_SET_BYTES = 5_000_000


@pytest.fixture(name='setup', scope='module')
def _setup():
  """The keywords of setup.py's one call."""
  keywords = {}
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr('setuptools.setup', lambda **kwargs: keywords.update(kwargs))
    runpy.run_path(str(ROOT / 'setup.py'))
  return keywords


def pins():
  lines = (ROOT / 'constraints.txt').read_text().splitlines()
  pairs = [line.split('==') for line in lines if line[:1] not in ('', '#')]
  return {utils.canonicalize_name(name): version for name, version in pairs}


def refusal():
  with pytest.raises(SystemExit) as error:
    runpy.run_path(str(ROOT / 'setup.py'))
  return error.value.code


def test_each_requirement_is_pinned_within_its_bounds(setup):
  versions = pins()
  for line in setup['install_requires'] + setup['extras_require']['dev']:
    requirement = requirements.Requirement(line)
    version = versions[utils.canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version), line


def test_dev_includes_the_other_extras(setup):
  extras = setup['extras_require']
  others = [extras[name] for name in extras if name != 'dev']
  assert set(sum(others, [])) <= set(extras['dev'])


def test_version_is_the_packages(setup):
  text = (ROOT / 'awopt_agent' / '__init__.py').read_text()
  assert f"__version__ = '{setup['version']}'" in text
  assert re.fullmatch(r'\d+\.\d+\.\d+', setup['version'])


def test_each_console_script_is_a_main_without_arguments(setup):
  for script in setup['entry_points']['console_scripts']:
    module, function = script.split(' = ')[1].split(':')
    path = ROOT / (module.replace('.', '/') + '.py')
    functions = {
      node.name: node
      for node in ast.parse(path.read_text()).body
      if isinstance(node, ast.FunctionDef)
    }
    assert functions[function].args.args == [], script


def test_another_python_gets_one_line_with_its_version(monkeypatch):
  monkeypatch.setattr(sys, 'version_info', (3, 12, 1, 'final', 0))
  monkeypatch.setattr(platform, 'python_version', lambda: '3.12.1')
  message = refusal()
  assert 'this is Python 3.12.1: install Python 3.11' in message
  assert '\n' not in message


def test_another_platform_gets_one_line_with_its_name(monkeypatch):
  monkeypatch.setattr(platform, 'machine', lambda: 'aarch64')
  message = refusal()
  assert 'this is Linux on aarch64: use' in message
  assert '\n' not in message


def test_a_build_carries_gin_files_and_data_sets(tmp_path):
  source = tmp_path / 'source'
  source.mkdir()
  shutil.copy(ROOT / 'setup.py', source)
  for folder in ('awopt_agent', 'gin', 'data'):
    shutil.copytree(ROOT / folder, source / folder)
  subprocess.run(
    [sys.executable, 'setup.py', '-q', 'build_py', '-d', str(tmp_path)],
    cwd=source,
    check=True,
  )
  built = tmp_path / 'awopt_agent' / '_resources'
  assert (built / 'gin' / 'run' / 'quickstart.gin').is_file()
  assert (built / 'data' / 'green_bowl_demos' / 'README.md').is_file()
  assert not list(built.glob('**/__pycache__'))


def test_each_data_set_is_small():
  for folder in (path for path in (ROOT / 'data').iterdir() if path.is_dir()):
    files = [path for path in folder.rglob('*') if path.is_file()]
    size_bytes = sum(path.stat().st_size for path in files)
    assert size_bytes < MAX_DATA_SET_BYTES, folder.name
