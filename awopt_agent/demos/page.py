"""A page that shows a data set: its fields, and some of its episodes."""

import base64
import html
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from awopt_agent import structs
from awopt_agent.demos import fields as fields_lib
from awopt_agent.demos import reader, schema, statistics

__all__ = ['choose', 'render']

_PICTURES = 8
_CURVES = 8
_WIDTH_PX, _HEIGHT_PX = 480, 80
_COLORS = (
  *('#4269d0', '#efb118', '#ff725c', '#6cc5b0'),
  *('#3ca951', '#ff8ab7', '#a463f2', '#97bbf5'),
)
_STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 72em;
  padding: 0 1em; color: #222; }
table { border-collapse: collapse; }
td, th { padding: .15em .8em .15em 0; text-align: left; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
figure { display: inline-block; margin: .4em .8em .4em 0; }
figcaption { color: #666; }
img { height: 96px; image-rendering: pixelated; margin-right: 2px; }
pre { background: #f4f4f4; padding: .8em; }
svg { background: #f8f8f8; }
"""


def choose(count: int, shown: int) -> list[int]:
  """Returns which of `count` episodes to show: first, last, and between."""
  places = np.linspace(0, count - 1, min(count, shown))
  return sorted({int(place) for place in places})


def render(
  title: str,
  summary: statistics.Summary,
  episodes: Iterable[tuple[int, schema.StoredEpisode, reader.Outcome]],
) -> str:
  """Returns a self-contained HTML page.

  Args:
    title: Name of the set.
    summary: Of all its episodes.
    episodes: Those to show, with their places.
  """
  outcomes = str(summary).split('\n\n')[0]
  parts = [
    '<!doctype html><html lang="en"><meta charset="utf-8">',
    f'<title>{html.escape(title)}</title><style>{_STYLE}</style>',
    f'<h1>{html.escape(title)}</h1><pre>{html.escape(outcomes)}</pre>',
    '<h2>Fields</h2><table>',
    '<tr><th>field<th>shape<th>type<th>least<th>greatest<th>values',
    *_field_rows(summary),
    '</table><h2>Episodes</h2>',
  ]
  for index, stored, outcome in episodes:
    parts += _episode(index, stored, outcome)
  return '\n'.join(parts) + '\n'


def _field_rows(summary: statistics.Summary) -> Iterator[str]:
  for path, field in sorted(summary.fields.items()):
    ends = ''.join(
      f'<td class="number">{"" if end is None else f"{end:.4g}"}'
      for end in (field.low, field.high)
    )
    yield (
      f'<tr><td>{html.escape(path)}<td>{list(field.shape)}<td>{field.dtype}'
      f'{ends}<td>{_histogram(field.histogram)}'
    )


def _histogram(counts: Sequence[int]) -> str:
  if not counts or not max(counts):
    return ''
  width, height = 6, 24
  bars = ''.join(
    f'<rect x="{width * place}" width="{width - 1}" y="{height - tall:.1f}" '
    f'height="{tall:.1f}" fill="{_COLORS[0]}"/>'
    for place, tall in enumerate(np.array(counts) * height / max(counts))
  )
  return f'<svg width="{width * len(counts)}" height="{height}">{bars}</svg>'


def _episode(index: int, stored, outcome) -> Iterator[str]:
  yield f'<h3>Episode {index}: {html.escape(_describe(stored, outcome))}</h3>'
  for path, values in fields_lib.by_path(stored).items():
    if path.split('/')[0] == fields_lib.EPISODE or not len(values):
      continue
    if values.dtype.kind in 'OSU':
      continue
    if _is_picture(values):
      yield _figure(path, _pictures(values))
    elif values.dtype.kind == 'f' and np.ptp(_finite(values)):
      yield _figure(path, _curves(values))


def _figure(path: str, content: str) -> str:
  caption = f'<figcaption>{html.escape(path)}</figcaption>'
  return f'<figure>{content}{caption}</figure>'


def _describe(stored, outcome) -> str:
  if isinstance(outcome, structs.Episode):
    end = 'terminal' if outcome.is_terminal else 'truncated'
    success = 'success' if outcome.success else 'no success'
    said = f'{outcome.length} transitions, {success}, {end}'
  else:
    said = f'refused: {outcome}'
  texts = {
    str(values.flat[0], 'utf-8', 'replace')
    for values in fields_lib.by_path(stored).values()
    if values.dtype.kind in 'OS' and values.size and values.flat[0]
  }
  return '; '.join([said, *sorted(texts)])


def _is_picture(values: np.ndarray) -> bool:
  return (
    values.dtype == np.uint8 and values.ndim == 4 and values.shape[-1] in (1, 3)
  )


def _pictures(frames: np.ndarray) -> str:
  parts = []
  for place in choose(len(frames), _PICTURES):
    picture = tf.io.encode_png(frames[place]).numpy()
    data = base64.b64encode(picture).decode()
    parts.append(
      f'<img alt="step {place}" title="step {place}" '
      f'src="data:image/png;base64,{data}">'
    )
  return ''.join(parts)


def _curves(values: np.ndarray) -> str:
  """Returns the first entries of a field against the steps."""
  rows = _finite(values).reshape(len(values), -1)[:, :_CURVES].astype(float)
  low, high = rows.min(), rows.max()
  across = np.linspace(2, _WIDTH_PX - 2, len(rows))
  up = _HEIGHT_PX - 2 - (rows - low) / (high - low or 1) * (_HEIGHT_PX - 4)
  lines = ''.join(
    f'<polyline fill="none" stroke="{color}" points="'
    + ' '.join(f'{x:.1f},{y:.1f}' for x, y in zip(across, curve, strict=True))
    + '"/>'
    for color, curve in zip(_COLORS, up.T, strict=False)
  )
  return (
    f'<svg width="{_WIDTH_PX}" height="{_HEIGHT_PX}">{lines}</svg>'
    f'<br>{low:.3g} to {high:.3g}'
  )


def _finite(values: np.ndarray) -> np.ndarray:
  return np.nan_to_num(values, posinf=0.0, neginf=0.0)
