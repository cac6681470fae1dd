import re

from awopt_agent.trials.evidence import plots, theme


def test_day_and_night_define_every_colour():
  style = theme.style()
  day, night = re.findall(r':root \{([^}]*)\}', style)
  names = [set(re.findall(r'--(\w+):', text)) for text in (day, night)]
  assert names[0] == names[1]
  # The tone of a claim is its verdict's.
  used = set(re.findall(r'var\(--(\w+)\)', style)) - {'tone'}
  assert used <= names[0]


def test_colours_of_a_night_differ_too():
  night = re.findall(r':root \{([^}]*)\}', theme.style())[1]
  colours = re.findall(r'--c\d: (#\w+);', night)
  assert len(set(colours)) == len(plots.COLOURS)


def test_a_picture_takes_the_pages_colours():
  svg = ' '.join((*plots.COLOURS, *plots.INK))
  text = theme.themed(svg)
  assert '#' not in text
  assert text.startswith('var(--c0) var(--c1)')
  assert text.endswith('var(--ground)')
