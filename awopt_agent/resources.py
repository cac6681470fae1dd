"""Finds the gin files and the demonstrations that come with the package.

A wheel carries both folders inside the package. In a checkout, and so in an
editable install, they stand beside it.
"""

import os

__all__ = ['data_root', 'gin_root']

_PACKAGE = os.path.dirname(os.path.abspath(__file__))


def gin_root() -> str:
  """Returns the folder of gin files, with `run/`, `task/` and the rest.

  Raises:
    FileNotFoundError: If the installation holds no such folder.
  """
  return _find('gin', _PACKAGE)


def data_root() -> str:
  """Returns the folder that holds one folder for each demonstration set.

  Raises:
    FileNotFoundError: If the installation holds no such folder.
  """
  return _find('data', _PACKAGE)


def _find(name: str, package: str) -> str:
  """Returns the folder `name` of the wheel or checkout that has `package`."""
  carried = os.path.join(package, '_resources', name)
  if os.path.isdir(carried):
    return carried
  checkout = os.path.dirname(package)
  beside = os.path.join(checkout, name)
  # Without setup.py this is site-packages, whose gin is gin-config.
  if os.path.isdir(beside) and os.path.isfile(
    os.path.join(checkout, 'setup.py')
  ):
    return beside
  raise FileNotFoundError(
    f"awopt_agent's {name} files are neither in {carried} nor in {beside}; "
    'install awopt-agent again, or run from a whole checkout.'
  )
