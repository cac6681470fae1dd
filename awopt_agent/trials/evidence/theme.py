"""How the page looks: by day, by night, and on a phone."""

from awopt_agent.trials.evidence import forest, plots

__all__ = ['style', 'themed']

_DARK_COLOURS = (
  *('#4aa3df', '#ff8f4a', '#35c99f'),
  *('#e6a6ca', '#f2bb3f', '#bfe3fa'),
)
_INK = ('ink', 'faint', 'rule', 'ground')
_DARK_INK = ('#e8e8e8', '#a8a8a8', '#3c3f44', '#17191c')
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


def style() -> str:
  """Returns the page's style sheet."""
  return f'{_variables()}{_STYLE}{forest.STYLE}'


def themed(svg: str) -> str:
  """Gives a picture of `plots` the colours of the page."""
  for place, colour in enumerate(plots.COLOURS):
    svg = svg.replace(colour, f'var(--c{place})')
  for name, colour in zip(_INK, plots.INK, strict=True):
    svg = svg.replace(colour, f'var(--{name})')
  return svg


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
