"""Holds the direction in which packages may import each other."""

import ast
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PACKAGE = ROOT / 'awopt_agent'

# Data flows down this list; each imports only from those above it.
ORDER = (
  'files',
  'notice_filter',
  'quiet',
  'statistics',
  'structs',
  'resources',
  'demos',
  'envs',
  'experience',
  'learning',
  'policies',
  'agent',
  'serving',
  'train',
  'trials',
)
# Where each library, or part of one, may be imported.
OWNERS = {
  'reverb': {'experience', 'train'},
  'pybullet': {'envs'},
  'gymnasium': {'envs'},
  'tensorflow_datasets': {'demos'},
  'rlds': {'demos'},
  'ray': {'train'},
  'd3rlpy': {'trials'},
  'torch': {'trials'},
}
MAX_BINARY_LINES = 80

MODULES = sorted(
  path
  for path in PACKAGE.rglob('*.py')
  if path.name != '__init__.py' and '_resources' not in path.parts
)


def name_of(path):
  return str(path.relative_to(PACKAGE))


def room_of(path):
  """The top-level package or module of awopt_agent that holds `path`."""
  return path.relative_to(PACKAGE).parts[0].removesuffix('.py')


def imports_of(path):
  """Every module that `path` imports, at any depth, in full."""
  found = set()
  for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
    if isinstance(node, ast.Import):
      found.update(alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      assert not node.level, f'{name_of(path)}: import by the full name'
      found.update(f'{node.module}.{alias.name}' for alias in node.names)
  return found


def binaries():
  text = (ROOT / 'setup.py').read_text(encoding='utf-8')
  modules = re.findall(r"'[\w-]+ = ([\w.]+):main'", text)
  return [ROOT / (module.replace('.', '/') + '.py') for module in modules]


@pytest.mark.parametrize('path', MODULES, ids=name_of)
def test_imports_only_from_above(path):
  room = room_of(path)
  assert room in ORDER, f'{room} has no place in the order'
  for module in imports_of(path):
    parts = module.split('.')
    if parts[0] == 'awopt_agent':
      allowed = {room, '__version__', *ORDER[: ORDER.index(room)]}
      assert len(parts) > 1 and parts[1] in allowed, module


@pytest.mark.parametrize('path', MODULES, ids=name_of)
def test_libraries_stay_where_they_belong(path):
  for module in imports_of(path):
    parts = module.split('.')
    for library, rooms in OWNERS.items():
      # TF-Agents' own reverb modules import reverb in turn.
      if parts[0] != 'awopt_agent' and any(
        part.startswith(library) for part in parts
      ):
        assert room_of(path) in rooms, module


@pytest.mark.parametrize('path', MODULES, ids=name_of)
def test_each_module_has_a_test(path):
  if path in binaries():
    lines = path.read_text(encoding='utf-8').splitlines()
    assert len(lines) <= MAX_BINARY_LINES, 'a binary is thin'
    return
  folder = ROOT / 'tests' / path.relative_to(PACKAGE).parent
  assert (folder / f'{path.stem}_test.py').is_file()


def test_each_folder_of_tests_is_a_package():
  folders = {path.parent for path in (ROOT / 'tests').rglob('*.py')}
  bare = [path for path in folders if not (path / '__init__.py').is_file()]
  assert not bare, 'without __init__.py, equal file names clash'


def test_imports_without_pybullet_and_reverb():
  blocked = 'import sys; sys.modules.update(pybullet=None, reverb=None)'
  subprocess.run(
    [sys.executable, '-c', f'{blocked}; import awopt_agent'],
    cwd=ROOT,
    check=True,
  )


def test_environments_import_without_gymnasium():
  blocked = 'import sys; sys.modules.update(gymnasium=None)'
  # Gin knows its names all the same: a gin file may hold them.
  known = "import gin; gin.bind_parameter('GymnasiumEnv.observation', 'keep')"
  subprocess.run(
    [sys.executable, '-c', f'{blocked}; import awopt_agent.envs; {known}'],
    cwd=ROOT,
    check=True,
  )


def test_gin_is_gin_config_at_the_projects_root():
  subprocess.run(
    [sys.executable, '-c', 'import gin; gin.bind_parameter'],
    cwd=ROOT,
    check=True,
  )


def test_gin_folder_holds_gin_files_alone():
  files = [path for path in (ROOT / 'gin').rglob('*') if path.is_file()]
  assert files
  assert {path.suffix for path in files} == {'.gin'}


def test_run_files_hold_includes_alone():
  for path in (ROOT / 'gin' / 'run').glob('*.gin'):
    for line in path.read_text(encoding='utf-8').splitlines():
      assert not line.strip() or line.startswith(('#', 'include ')), line
