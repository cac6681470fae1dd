"""Learning curves as SVG, the same bytes for the same records."""

import io
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from awopt_agent.trials.evidence import bands, estimates, figures, lookup

__all__ = ['COLOURS', 'INK', 'Line', 'lines', 'panel']

# Okabe and Ito's, which colour-blind people tell apart; black is left out.
COLOURS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9')
_MARKERS = ('o', 's', '^', 'D', 'v', 'P')
# Of text, of lesser text, of rules, and of the ground.
INK = ('#222222', '#666666', '#dddddd', '#ffffff')
# The same method has the same colour in each figure.
_OWN_COLOUR = {'awopt': 0, 'qt_opt': 1, 'awac': 2}
# Text stays readable where a phone shows it as wide as its screen.
_SIZE_IN = (4.6, 3.5)
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
_LABELS = {
  'episodes': 'episodes of practice',
  'seconds': 'minutes since the beginning, one core',
}
# So that panels on one page do not share ids; what is used has another form.
_NAMES = re.compile(r' id="[A-Za-z.]+[a-z0-9]*_\d+"')
# Of the width of practice: the strip of success before it.
_STRIP = 0.16
# Markers along a line, where colours are not enough.
_MARKS = 5
_INSTALL = 'the page needs matplotlib; pip install "awopt-agent[plots]".'


class Line(NamedTuple):
  """A method in a panel.

  Attributes:
    label: What it is called.
    colour: Of `COLOURS`.
    marker: Of its offline rate.
    offline: Success before practice, or None.
    band: Over practice; one point for a method that does not practise.
  """

  label: str
  colour: str
  marker: str
  offline: estimates.Estimate | None
  band: bands.Band


def lines(
  figure: figures.Figure, found: lookup.Lookup, axis: str
) -> list[Line]:
  """Returns the lines of the methods of a figure that were run.

  Args:
    figure: What was to be run.
    found: The records.
    axis: One of `bands.AXES`.
  """
  places = _places(figure.variants)
  return [
    Line(
      label=figure.label(variant),
      colour=COLOURS[places[variant]],
      marker=_MARKERS[places[variant]],
      offline=found.rate((figure.grid,), variant, 'offline'),
      band=bands.band(seeds, axis),
    )
    for variant in figure.variants
    if (seeds := found.seeds(figure.grid, variant))
  ]


def panel(name: str, shown: Sequence[Line], axis: str) -> str:
  """Draws a panel: success against episodes, or against time.

  Success before practice stands to the left of a rule, practice to its right;
  against time there is practice alone.

  Args:
    name: Of the panel, from which ids are made.
    shown: One or more.
    axis: One of `bands.AXES`.

  Returns:
    The text of an SVG file, without a header.

  Raises:
    ValueError: If matplotlib is not installed.
  """
  pyplot = _import_pyplot()
  with pyplot.rc_context(_style(f'{name}-{axis}')):
    fig, axes = pyplot.subplots(figsize=_SIZE_IN, layout='constrained')
    try:
      _draw(axes, shown, axis)
      return _text(fig)
    finally:
      pyplot.close(fig)


def _import_pyplot() -> Any:
  try:
    import matplotlib

    matplotlib.use('svg')
    from matplotlib import pyplot
  except ImportError as error:
    raise ValueError(_INSTALL) from error
  return pyplot


def _style(salt: str) -> dict[str, Any]:
  ink, faint, rule, ground = INK
  return {
    'svg.hashsalt': salt,
    'svg.fonttype': 'none',
    'font.family': 'DejaVu Sans',
    'font.size': 10,
    'text.color': ink,
    'axes.edgecolor': faint,
    'axes.labelcolor': ink,
    'axes.facecolor': ground,
    'axes.axisbelow': True,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.grid': True,
    'grid.color': rule,
    'grid.linewidth': 0.6,
    'xtick.color': faint,
    'ytick.color': faint,
    'xtick.labelcolor': ink,
    'ytick.labelcolor': ink,
    'figure.facecolor': ground,
    'legend.frameon': False,
  }


def _draw(axes, shown: Sequence[Line], axis: str) -> None:
  scale = 1 / 60 if axis == 'seconds' else 1.0
  ends = [line.band.x[-1] * scale for line in shown if line.band.x]
  # Where nobody practises there is one place, 0.
  end = max(ends, default=0.0) or 1.0
  for line in shown:
    _draw_line(axes, line, scale, end)
  axes.set_ylim(-0.02, 1.02)
  axes.set_ylabel('success')
  axes.set_xlabel(_LABELS[axis])
  if axis == 'episodes':
    _draw_offline(axes, shown, end)
  else:
    axes.set_xlim(0, end)
  axes.figure.legend(
    loc='outside lower center',
    ncols=3 if len(shown) == 3 else 2,
    handlelength=2,
    columnspacing=1.2,
  )


def _draw_line(axes, line: Line, scale: float, end: float) -> None:
  x = [place * scale for place in line.band.x]
  style: dict[str, Any] = {'color': line.colour, 'label': line.label}
  if len(x) == 1:
    axes.hlines(line.band.mean, 0, end, linestyles='dashed', **style)
    return
  style.update(marker=line.marker, markersize=4)
  style['markevery'] = max(1, len(x) // _MARKS)
  axes.plot(x, line.band.mean, linewidth=1.8, **style)
  axes.fill_between(
    x, line.band.low, line.band.high, color=line.colour, alpha=0.18, linewidth=0
  )


def _draw_offline(axes, shown: Sequence[Line], end: float) -> None:
  """Draws success before practice in a strip left of zero."""
  strip = _STRIP * end
  axes.axvline(0, color=INK[1], linewidth=1)
  for place, line in enumerate(shown):
    if line.offline is None:
      continue
    x = -strip * (len(shown) - place) / (len(shown) + 1)
    low, high = line.offline.interval
    axes.vlines(x, low, high, color=line.colour, linewidth=1.4)
    axes.plot(
      [x], [line.offline.value], line.marker, color=line.colour, markersize=5
    )
  axes.set_xlim(-strip, end)
  axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= end])
  for x, word in ((-strip / 2, 'offline'), (end / 2, 'practice')):
    axes.text(x, 1.04, word, color=INK[1], size=8, ha='center', va='bottom')


def _text(fig) -> str:
  file = io.StringIO()
  fig.savefig(file, format='svg', metadata={'Date': None, 'Creator': None})
  text = file.getvalue()
  text = text[text.index('<svg') :]
  text = re.sub(r' <metadata>.*?</metadata>\n', '', text, flags=re.DOTALL)
  text = _NAMES.sub('', text)
  # Laid out by the measures of a font that comes with matplotlib.
  return text.replace("'DejaVu Sans'", _FONT)


def _places(variants: Sequence[str]) -> dict[str, int]:
  """Returns each method's place in the palette."""
  own = {name: _OWN_COLOUR[name] for name in variants if name in _OWN_COLOUR}
  kept = _OWN_COLOUR.values()
  free = [place for place in range(len(COLOURS)) if place not in kept]
  free += [place for place in kept if place not in own.values()]
  others = [name for name in variants if name not in own]
  return {**own, **dict(zip(others, free, strict=False))}
