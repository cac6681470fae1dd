"""Fingerprints: what a result depends on, so that none is mixed up."""

import ast
import hashlib
import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence

from awopt_agent import resources
from awopt_agent.demos import sources

__all__ = ['code', 'commit', 'digest', 'files_of', 'modules']

_PACKAGE = 'awopt_agent'
# A policy is exported once it has been measured, and golden pairs hold what is
# served to what was learnt.
_DECIDES_NOTHING = 'awopt_agent.serving'
_LENGTH = 16
_NOT_DATA = ('.md', '.py', '.pyc')
# What a result may depend on.
_DECIDING = ('awopt_agent', 'gin', 'data', 'setup.py', 'constraints.txt')


def digest(parts: Iterable[str | bytes]) -> str:
  """Returns a short sum over the parts, and how they are divided."""
  total = hashlib.sha256()
  for part in parts:
    data = part.encode() if isinstance(part, str) else part
    total.update(f'{len(data)}:'.encode())
    total.update(data)
  return total.hexdigest()[:_LENGTH]


def modules(roots: Sequence[str]) -> dict[str, str]:
  """Follows the imports of this package's modules.

  Args:
    roots: Names of modules, such as 'awopt_agent.train.session'.

  Returns:
    Of each module that they import, at any depth and of this package, the path;
    sorted by name. Without those that serve policies.
  """
  found: dict[str, str] = {}
  left = list(roots)
  while left:
    name = left.pop()
    if name in found or name.startswith(_DECIDES_NOTHING):
      continue
    if (path := _path_of(name)) is None:
      continue
    found[name] = path
    with open(path, encoding='utf-8') as file:
      left += _imports(ast.parse(file.read()))
    left.append(name.rpartition('.')[0])
  return dict(sorted(found.items()))


def code(roots: Sequence[str]) -> str:
  """Returns a sum of the code below some modules.

  Comments, layout and docstrings do not count.

  Args:
    roots: Names of modules.
  """
  parts = []
  for name, path in modules(roots).items():
    with open(path, encoding='utf-8') as file:
      tree = ast.parse(file.read())
    parts += [name, ast.dump(_without_docstrings(tree))]
  return digest(parts)


def files_of(source: str) -> str:
  """Returns a sum of the files of a set of demonstrations.

  Args:
    source: Folder or name, as `TrainConfig.demonstrations`; of a set that is
      no folder, the name must do.
  """
  folder = sources.find_folder(source)
  if folder is None:
    return digest([source])
  parts: list[str | bytes] = []
  for parent, folders, names in os.walk(folder):
    folders[:] = sorted(name for name in folders if name != '__pycache__')
    for name in sorted(names):
      if not name.endswith(_NOT_DATA):
        path = os.path.join(parent, name)
        with open(path, 'rb') as file:
          parts += [os.path.relpath(path, folder), file.read()]
  return digest(parts)


def commit() -> str:
  """Returns the checkout's commit, `-dirty` with changes; '' without one."""
  root = os.path.dirname(_package_folder())
  try:
    head = _git(root, 'rev-parse', 'HEAD')
    changes = _git(
      root, 'status', '--porcelain', '--untracked-files=no', '--', *_DECIDING
    )
  except (OSError, subprocess.CalledProcessError):
    return ''
  return f'{head}-dirty' if changes else head


def _git(root: str, *arguments: str) -> str:
  done = subprocess.run(
    ['git', '-C', root, *arguments], capture_output=True, text=True, check=True
  )
  return done.stdout.strip()


def _path_of(name: str) -> str | None:
  """Returns a module's file, or None for what decides about no result.

  The package's own `__init__` has names and the version alone.
  """
  if not name.startswith(f'{_PACKAGE}.'):
    return None
  path = os.path.join(_package_folder(), *name.split('.')[1:])
  candidates = (f'{path}.py', os.path.join(path, '__init__.py'))
  return next((one for one in candidates if os.path.isfile(one)), None)


def _package_folder() -> str:
  return os.path.dirname(os.path.abspath(resources.__file__))


def _imports(tree: ast.AST) -> Iterator[str]:
  for node in ast.walk(tree):
    if isinstance(node, ast.Import):
      yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
      yield node.module
      yield from (f'{node.module}.{alias.name}' for alias in node.names)


def _without_docstrings(tree: ast.AST) -> ast.AST:
  for node in ast.walk(tree):
    body = getattr(node, 'body', None)
    if isinstance(body, list) and body and _is_text(body[0]):
      # A body must not be empty.
      node.body = body[1:] or [ast.Pass()]  # type: ignore[attr-defined]
  return tree


def _is_text(node: ast.AST) -> bool:
  return (
    isinstance(node, ast.Expr)
    and isinstance(node.value, ast.Constant)
    and isinstance(node.value.value, str)
  )
