"""What gin files and bindings bind, without importing what they configure."""

import ast
import os
import re
from collections.abc import Iterator, Mapping, Sequence

from gin import config_parser

from awopt_agent import resources

__all__ = ['bound', 'demonstrations']

_SOURCE = re.compile(r'(.*/)?Demonstrations\.source')


class _AsText(config_parser.ParserDelegate):
  """Keeps references as they are written."""

  def configurable_reference(self, scoped_configurable_name, evaluate):
    return f'@{scoped_configurable_name}{"()" if evaluate else ""}'

  def macro(self, macro_name):
    return f'%{macro_name}'


def bound(
  gin_files: Sequence[str], bindings: Sequence[str] = ()
) -> dict[str, str]:
  """Returns what is bound in the end, whatever the order and the comments.

  Args:
    gin_files: Paths, from the working directory or the project's `gin/`.
    bindings: After those files.

  Returns:
    Of each parameter, with its scope, the text of its value; sorted.

  Raises:
    ValueError: If a file does not exist, or a line is not gin's.
  """
  found: dict[str, str] = {}
  for file in gin_files:
    found.update(_statements_of(file))
  found.update(_statements('\n'.join(bindings)))
  return dict(sorted(found.items()))


def demonstrations(found: Mapping[str, str]) -> list[str]:
  """Returns folders or names of the demonstrations that `bound` names."""
  values = [
    ast.literal_eval(value)
    for name, value in found.items()
    if name == 'TrainConfig.demonstrations' or _SOURCE.fullmatch(name)
  ]
  # A list is one of references to sets, whose sources are bound beside it.
  return sorted(value for value in values if isinstance(value, str))


def _statements_of(file: str) -> Iterator[tuple[str, str]]:
  candidates = [file, os.path.join(resources.gin_root(), file)]
  path = next((path for path in candidates if os.path.isfile(path)), None)
  if path is None:
    raise ValueError(
      f'there is no gin file {file}; name it by its path, or one below '
      f'{resources.gin_root()}.'
    )
  with open(path, encoding='utf-8') as stream:
    yield from _statements(stream.read())


def _statements(text: str) -> Iterator[tuple[str, str]]:
  try:
    parser = config_parser.ConfigParser(text, _AsText())
    while (statement := parser.parse_statement()) is not None:
      if isinstance(statement, config_parser.IncludeStatement):
        yield from _statements_of(statement.filename)
      elif isinstance(statement, config_parser.BindingStatement):
        scope = f'{statement.scope}/' if statement.scope else ''
        name = f'{scope}{statement.selector}.{statement.arg_name}'
        yield name, repr(statement.value)
  except SyntaxError as error:
    raise ValueError(
      f'gin: {error.msg} {str(error.text).strip()!r}; check that line.'
    ) from error
