"""What a report is made of; each format writes the blocks in its own way.

Text may hold `code` and [links](target).
"""

from typing import NamedTuple, TypeAlias

from awopt_agent.trials.evidence import judging

__all__ = [
  'Block',
  'Claims',
  'Films',
  'Heading',
  'Items',
  'Picture',
  'Table',
  'Text',
]


class Heading(NamedTuple):
  """A heading; the title has level 1."""

  level: int
  text: str


class Text(NamedTuple):
  """A paragraph."""

  text: str


class Items(NamedTuple):
  """A list of lines."""

  lines: tuple[str, ...]


class Table(NamedTuple):
  """Rows of cells, as long as the header."""

  header: tuple[str, ...]
  rows: tuple[tuple[str, ...], ...]


class Claims(NamedTuple):
  """Claims with their verdicts, and what people say of them."""

  results: tuple[judging.ClaimResult, ...]
  notes: dict[str, str]


class Picture(NamedTuple):
  """A figure: its pictures by axis, and what they show."""

  name: str
  svgs: dict[str, str]
  alt: str


class Films(NamedTuple):
  """A place for films of each task, if there are any."""


Block: TypeAlias = Heading | Text | Items | Table | Claims | Picture | Films
