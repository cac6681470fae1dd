"""The report as a Markdown file."""

import os
from collections.abc import Iterable, Iterator, Sequence

from awopt_agent.trials.evidence import blocks as blocks_lib
from awopt_agent.trials.evidence import formats, judging

__all__ = ['render']

_PAGE = (
  'Curves against time{films} and plots of the intervals are in '
  '[{page}]({page}), which is one file.'
)


def render(
  blocks: Iterable[blocks_lib.Block],
  *,
  page: str,
  pictures: str,
  films: Sequence[str],
) -> str:
  """Returns the file's text.

  Args:
    blocks: Of the report.
    page: Of the page, relative to the file.
    pictures: Folder of the pictures, relative to the file.
    films: Paths, relative to the file.
  """
  parts = [part for block in blocks for part in _block(block, pictures, films)]
  shown = ', films' if films else ''
  parts.insert(2, _PAGE.format(page=page, films=shown))
  return '\n\n'.join(parts) + '\n'


def _block(
  block: blocks_lib.Block, pictures: str, films: Sequence[str]
) -> Iterator[str]:
  if isinstance(block, blocks_lib.Heading):
    yield f'{"#" * block.level} {block.text}'
  elif isinstance(block, blocks_lib.Text):
    yield block.text
  elif isinstance(block, blocks_lib.Items):
    yield '\n'.join(f'- {line}' for line in block.lines)
  elif isinstance(block, blocks_lib.Table):
    yield _table(block.header, block.rows)
  elif isinstance(block, blocks_lib.Claims):
    yield _table(
      ('', 'claim', 'paper', 'here', 'verdict'), map(_claim, block.results)
    )
    yield from _notes(block)
  elif isinstance(block, blocks_lib.Picture):
    if block.svgs:
      yield f'![{block.alt}]({pictures}/{block.name}.svg)'
  elif films:
    links = (f'[{os.path.basename(path)}]({path})' for path in films)
    yield f'Films, before practice (left) and after: {", ".join(links)}.'


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
  lines = [header, ['---'] * len(header), *rows]
  return '\n'.join(
    f'| {" | ".join(cell.replace("|", "/") for cell in line)} |'
    for line in lines
  )


def _claim(one: judging.ClaimResult) -> tuple[str, ...]:
  here = '<br>'.join(map(_part, one.parts))
  claim = one.claim
  return claim.name, claim.text, claim.paper, here, f'**{one.verdict}**'


def _part(one: judging.PartResult) -> str:
  if one.estimate is None:
    return f'{one.part.text}: not run ({", ".join(one.missing)})'
  must = formats.limits(one.part.within)
  return (
    f'{one.part.text}: {formats.result(one)}, must be {must}, {one.verdict}'
    f'{formats.caveats(one)}'
  )


def _notes(block: blocks_lib.Claims) -> Iterator[str]:
  for one in block.results:
    if note := block.notes.get(one.claim.name):
      yield f'Claim {one.claim.name}: {note}'
