"""The report as one HTML file that needs no other."""

import base64
import html
import os
import re
from collections.abc import Iterable, Iterator, Sequence

from awopt_agent.trials import blocks as blocks_lib
from awopt_agent.trials import forest, formats, judging, plots

__all__ = ['MAX_FILM_BYTES', 'render']

# All together; a larger page is slow to open on a phone.
MAX_FILM_BYTES = 2_000_000

_DARK_COLOURS = (
  *('#4aa3df', '#ff8f4a', '#35c99f'),
  *('#e6a6ca', '#f2bb3f', '#bfe3fa'),
)
_INK = ('ink', 'faint', 'rule', 'ground')
_DARK_INK = ('#e8e8e8', '#a8a8a8', '#3c3f44', '#17191c')
_MARKS = {
  judging.Verdict.HOLDS: ('✓', 'holds'),
  judging.Verdict.FAILS: ('✗', 'fails'),
  judging.Verdict.UNKNOWN: ('?', 'unknown'),
  judging.Verdict.NOT_RUN: ('–', 'missing'),
}
_STYLE = """
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif;
  margin: 0 auto; max-width: 68rem; padding: 1rem 1rem 4rem;
  color: var(--ink); background: var(--ground); }
h1 { font-size: 1.9rem; margin: 1rem 0 .5rem; }
h2 { font-size: 1.35rem; margin: 3rem 0 .5rem; padding-top: .6rem;
  border-top: 1px solid var(--rule); }
h3 { font-size: 1.05rem; margin: 2rem 0 .3rem; }
p, li { max-width: 46rem; }
code { font-size: .88em; background: var(--soft); padding: .1em .3em;
  border-radius: 3px; overflow-wrap: anywhere; }
nav { font-size: .92rem; margin: 1rem 0; }
nav a { margin-right: 1rem; white-space: nowrap; }
a { color: var(--c0); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem;
  font-variant-numeric: tabular-nums; margin: .5rem 0; }
td, th { padding: .3em .9em .3em 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--rule); white-space: nowrap; }
th { font-weight: 600; color: var(--faint); }
.claims { display: grid; gap: .8rem; margin: 1rem 0;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); }
.claim { border: 1px solid var(--rule); border-left: 4px solid var(--tone);
  border-radius: 6px; padding: .7rem .9rem; font-size: .92rem; }
.claim header { display: flex; gap: .6rem; align-items: baseline;
  justify-content: space-between; color: var(--faint); }
.claim h3 { font-size: 1rem; line-height: 1.35; margin: .3rem 0; }
.claim p { margin: .3rem 0; }
.claim .paper, .claim .note { color: var(--faint); font-size: .85rem; }
.badge { color: var(--tone); font-weight: 700; white-space: nowrap; }
.part { margin: .55rem 0 0; font-size: .85rem; }
.part b { font-weight: 600; font-variant-numeric: tabular-nums; }
.holds { --tone: var(--good); } .fails { --tone: var(--bad); }
.unknown { --tone: var(--open); } .missing { --tone: var(--faint); }
.panels { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); }
.panels svg { width: 100%; max-width: 34rem; height: auto; }
.films { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); }
.films figure { margin: 0; } .films video { width: 100%; border-radius: 6px; }
figcaption { color: var(--faint); font-size: .88rem; }
"""
_LIGHT_TONES = {
  'soft': '#f1f2f4',
  'must': '#cfe8d5',
  'good': '#1a7f37',
  'bad': '#b3261e',
  'open': '#8a6100',
}
_DARK_TONES = {
  'soft': '#24272c',
  'must': '#1f4a30',
  'good': '#4cc76f',
  'bad': '#ff8078',
  'open': '#e3b341',
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
    f'<style>{_variables()}{_STYLE}{forest.STYLE}</style>',
    '</head>',
    '<body>',
    *_body(blocks, films, films_at),
    '</body>',
    '</html>',
  ]
  return '\n'.join(parts) + '\n'


def _variables() -> str:
  colours = [f'c{place}' for place in range(len(plots.COLOURS))]
  light = {
    **dict(zip(colours, plots.COLOURS, strict=True)),
    **dict(zip(_INK, plots.INK, strict=True)),
    **_LIGHT_TONES,
  }
  dark = {
    **dict(zip(colours, _DARK_COLOURS, strict=True)),
    **dict(zip(_INK, _DARK_INK, strict=True)),
    **_DARK_TONES,
  }
  return (
    f'\n:root {{ {_declarations(light)} }}'
    '\n@media (prefers-color-scheme: dark) {'
    f'\n:root {{ {_declarations(dark)} }} }}'
  )


def _declarations(values: dict[str, str]) -> str:
  return ' '.join(f'--{name}: {value};' for name, value in values.items())


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
  if one.bootstrap not in (None, one.verdict):
    text += f' (bootstrap: {one.bootstrap})'
  sides = '; '.join(
    f'{label} {formats.estimate(rate)}' for label, rate in one.sides
  )
  return (
    f'<div class="part {tone}" title="{html.escape(sides)}">{text}'
    f'{forest.bar(one)}</div>'
  )


def _picture(block: blocks_lib.Picture) -> str:
  pictures = ''.join(
    _themed(svg, f'{block.alt} Against {axis}.')
    for axis, svg in block.svgs.items()
  )
  return f'<div class="panels">{pictures}</div>'


def _themed(svg: str, alt: str) -> str:
  """Gives a picture the page's colours, and a description."""
  for place, colour in enumerate(plots.COLOURS):
    svg = svg.replace(colour, f'var(--c{place})')
  for name, colour in zip(_INK, plots.INK, strict=True):
    svg = svg.replace(colour, f'var(--{name})')
  label = html.escape(alt)
  return svg.replace('<svg ', f'<svg role="img" aria-label="{label}" ', 1)


_FILMS = 'Before and after practice'


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
