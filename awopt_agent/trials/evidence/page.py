"""The report as one HTML file that needs no other."""

import base64
import html
import os
import re
from collections.abc import Iterable, Iterator, Sequence

from awopt_agent.trials.evidence import blocks as blocks_lib
from awopt_agent.trials.evidence import forest, formats, judging, theme

__all__ = ['MAX_FILM_BYTES', 'render']

# All together; a larger page is slow to open on a phone.
MAX_FILM_BYTES = 2_000_000

_FILMS = 'Before and after practice'
_MARKS = {
  judging.Verdict.HOLDS: ('✓', 'holds'),
  judging.Verdict.FAILS: ('✗', 'fails'),
  judging.Verdict.UNKNOWN: ('?', 'unknown'),
  judging.Verdict.NOT_RUN: ('–', 'missing'),
}


def render(
  blocks: Sequence[blocks_lib.Block], *, films: Sequence[str], films_at: str
) -> str:
  """Returns the file's text.

  Args:
    blocks: Of the report.
    films: Paths of MP4 files, which become part of the page if they are small.
    films_at: Folder of the films, relative to the page.

  Raises:
    OSError: If a film cannot be read.
  """
  title = next(
    one.text for one in blocks if isinstance(one, blocks_lib.Heading)
  )
  parts = [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    f'<title>{html.escape(title)}: awopt_agent</title>',
    f'<style>{theme.style()}</style>',
    '</head>',
    '<body>',
    *_body(blocks, films, films_at),
    '</body>',
    '</html>',
  ]
  return '\n'.join(parts) + '\n'


def _body(
  blocks: Sequence[blocks_lib.Block], films: Sequence[str], films_at: str
) -> Iterator[str]:
  for place, block in enumerate(blocks):
    if isinstance(block, blocks_lib.Heading):
      yield _heading(block)
    elif isinstance(block, blocks_lib.Text):
      yield f'<p>{_inline(block.text)}</p>'
      if place == 1:
        yield _contents(blocks, bool(films))
    elif isinstance(block, blocks_lib.Items):
      items = ''.join(f'<li>{_inline(line)}</li>' for line in block.lines)
      yield f'<ul>{items}</ul>'
    elif isinstance(block, blocks_lib.Table):
      yield _table(block)
    elif isinstance(block, blocks_lib.Claims):
      yield from _claims(block)
    elif isinstance(block, blocks_lib.Picture):
      yield _picture(block)
    elif films:
      yield from _films(films, films_at)


def _heading(block: blocks_lib.Heading) -> str:
  level, text = block
  return f'<h{level} id="{_anchor(text)}">{_inline(text)}</h{level}>'


def _anchor(text: str) -> str:
  return re.sub(r'[^a-z0-9]+', '-', text.lower()).strip('-')


def _contents(blocks: Iterable[blocks_lib.Block], has_films: bool) -> str:
  names = [
    one.text
    for one in blocks
    if isinstance(one, blocks_lib.Heading) and one.level == 2
  ]
  if has_films:
    names.append(_FILMS)
  links = (
    f'<a href="#{_anchor(name)}">{html.escape(name)}</a>' for name in names
  )
  return f'<nav>{" ".join(links)}</nav>'


def _inline(text: str) -> str:
  escaped = html.escape(text, quote=False)
  coded = re.sub(r'`([^`]+)`', r'<code>\1</code>', escaped)
  return re.sub(r'\[([^\]]+)\]\(([^)]+)\)', r'<a href="\2">\1</a>', coded)


def _table(block: blocks_lib.Table) -> str:
  head = ''.join(f'<th>{_inline(cell)}</th>' for cell in block.header)
  rows = (
    ''.join(f'<td>{_inline(cell)}</td>' for cell in row) for row in block.rows
  )
  body = '\n'.join(f'<tr>{row}</tr>' for row in rows)
  return f'<div class="scroll"><table>\n<tr>{head}</tr>\n{body}\n</table></div>'


def _claims(block: blocks_lib.Claims) -> Iterator[str]:
  yield '<div class="claims">'
  for one in block.results:
    mark, tone = _MARKS[one.verdict]
    claim = one.claim
    yield f'<article class="claim {tone}" id="claim-{_anchor(claim.name)}">'
    yield (
      f'<header><span>{html.escape(claim.name)}</span>'
      f'<span class="badge">{mark} {one.verdict}</span></header>'
    )
    yield f'<h3>{_inline(claim.text)}</h3>'
    if claim.paper:
      yield f'<p class="paper">Paper: {_inline(claim.paper)}.</p>'
    yield from map(_part, one.parts)
    if note := block.notes.get(claim.name):
      yield f'<p class="note">{_inline(note)}</p>'
    yield '</article>'
  yield '</div>'


def _part(one: judging.PartResult) -> str:
  mark, tone = _MARKS[one.verdict]
  badge = f'<span class="badge" title="{one.verdict}">{mark}</span>'
  text = f'{badge} {_inline(one.part.text)}'
  if one.estimate is None:
    missing = html.escape(', '.join(one.missing))
    return f'<p class="part {tone}">{text}: not run ({missing})</p>'
  must = formats.limits(one.part.within)
  text += f': <b>{formats.result(one)}</b>, must be {must}'
  text += formats.caveats(one)
  sides = '; '.join(
    f'{label} {formats.estimate(rate)}' for label, rate in one.sides
  )
  return (
    f'<div class="part {tone}" title="{html.escape(sides)}">{text}'
    f'{forest.bar(one)}</div>'
  )


def _picture(block: blocks_lib.Picture) -> str:
  pictures = ''.join(
    _described(theme.themed(svg), f'{block.alt}, against {axis}')
    for axis, svg in block.svgs.items()
  )
  return f'<div class="panels">{pictures}</div>'


def _described(svg: str, alt: str) -> str:
  label = html.escape(alt)
  return svg.replace('<svg ', f'<svg role="img" aria-label="{label}" ', 1)


def _films(films: Sequence[str], films_at: str) -> Iterator[str]:
  yield f'<h2 id="{_anchor(_FILMS)}">{_FILMS}</h2>'
  yield '<p>AW-Opt on the same episodes, before practice (left) and after.</p>'
  is_small = sum(map(os.path.getsize, films)) <= MAX_FILM_BYTES
  yield '<div class="films">'
  for path in films:
    name = os.path.basename(path)
    caption = html.escape(os.path.splitext(name)[0].replace('_', ' '))
    source = _data(path) if is_small else f'{films_at}/{html.escape(name)}'
    yield (
      f'<figure><video controls loop muted playsinline src="{source}"></video>'
      f'<figcaption>{caption}</figcaption></figure>'
    )
  yield '</div>'
  if not is_small:
    yield (
      f'<p>Together more than {MAX_FILM_BYTES // 10**6} MB, the films are '
      'files beside this page.</p>'
    )


def _data(path: str) -> str:
  with open(path, 'rb') as file:
    return f'data:video/mp4;base64,{base64.b64encode(file.read()).decode()}'
