"""What people have to say beside the numbers, from a file that they write."""

import tomllib
from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ['FILE', 'Notes', 'read']

FILE = 'notes.toml'


class Notes(NamedTuple):
  """Text for the pages.

  Attributes:
    claims: By a claim's name: what was tried, or why it is so.
    deviations: From the paper's protocol.
    failures: What did not work, and what was tried.
  """

  claims: Mapping[str, str]
  deviations: tuple[str, ...]
  failures: tuple[str, ...]


def read(path: str, known_claims: frozenset[str] = frozenset()) -> Notes:
  """Reads notes.

  Args:
    path: Of a TOML file with a table `claims` of texts, and the lists of texts
      `deviations` and `failures`; each may lack.
    known_claims: Names that the table may have.

  Returns:
    None of any where there is no file.

  Raises:
    ValueError: If it is no such file.
  """
  try:
    with open(path, 'rb') as file:
      found = tomllib.load(file)
  except FileNotFoundError:
    found = {}
  except tomllib.TOMLDecodeError as error:
    raise ValueError(f'{path} is no TOML: {error}; mend it.') from error
  _check(path, found, known_claims)
  return Notes(
    claims=found.get('claims', {}),
    deviations=tuple(found.get('deviations', ())),
    failures=tuple(found.get('failures', ())),
  )


def _check(path: str, found: dict[str, Any], known_claims: frozenset[str]):
  claims = found.get('claims', {})
  unknown = found.keys() - set(Notes._fields) | claims.keys() - known_claims
  if unknown:
    raise ValueError(
      f'{path} has {", ".join(sorted(unknown))}, which no page shows; it may '
      f'have {", ".join(Notes._fields)}, and claims by their names.'
    )
  if not all(isinstance(text, str) for text in claims.values()):
    raise ValueError(f'{path}: claims must be texts; put them in quotes.')
  for name in ('deviations', 'failures'):
    if not isinstance(found.get(name, []), list):
      raise ValueError(
        f'{path}: {name} must be a list of texts; put it in brackets.'
      )
