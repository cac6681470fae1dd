import builtins
import re
from xml.etree import ElementTree

import pytest

from awopt_agent.trials.evidence import figures, plots
from tests.trials.evidence import made_up

FIGURE = figures.Figure(
  'one', 'One', 'bowl', ('awopt', 'd3rlpy_iql', 'bc', 'awac_p'), ''
)


def make_lines(axis='episodes'):
  found = made_up.found(
    made_up.method('bowl', 'awopt', [(0.2, 0.8), (0.3, 0.9)]),
    made_up.method('bowl', 'd3rlpy_iql', [(0.2, 0.3), (0.3, 0.3)]),
    made_up.method('bowl', 'bc', [(0.4, 0.4), (0.6, 0.6)], episodes=0),
  )
  return plots.lines(FIGURE, found, axis)


def test_lines_are_of_the_methods_that_were_run():
  lines = make_lines()
  labels = [line.label for line in lines]
  assert labels == ['AW-Opt', 'IQL (d3rlpy)', 'behaviour cloning']
  assert lines[0].offline.value == pytest.approx(0.25)


def test_colours_and_markers_differ_and_awopts_is_always_the_same():
  lines = make_lines()
  assert len({line.colour for line in lines}) == 3
  assert len({line.marker for line in lines}) == 3
  assert lines[0].colour == plots.COLOURS[0]
  # Those of QT-Opt and AWAC are left free for them.
  assert not {line.colour for line in lines[1:]} & set(plots.COLOURS[:3])


def test_every_figure_has_colours_that_differ():
  for figure in figures.FIGURES:
    places = plots._places(figure.variants)
    assert len(set(places.values())) == len(figure.variants), figure.name


@pytest.mark.parametrize('axis', ['episodes', 'seconds'])
def test_a_panel_is_the_same_bytes_each_time(axis):
  first, second = (plots.panel('one', make_lines(axis), axis) for _ in '12')
  assert first == second
  assert 'date' not in first.lower()


def test_a_panel_is_well_formed_and_says_what_it_shows():
  text = plots.panel('one', make_lines(), 'episodes')
  root = ElementTree.fromstring(text)
  assert root.tag.endswith('svg')
  shown = ' '.join(root.itertext())
  for word in ('AW-Opt', 'success', 'episodes of practice', 'offline'):
    assert word in shown
  in_time = plots.panel('one', make_lines('seconds'), 'seconds')
  assert 'minutes' in in_time and '>offline<' not in in_time


def test_ids_of_two_panels_on_a_page_differ():
  def ids(name, axis):
    text = plots.panel(name, make_lines(axis), axis)
    return re.findall(r' id="([^"]+)"', text)

  one, two = ids('one', 'episodes'), ids('two', 'episodes')
  assert one and not set(one) & set(two)
  assert not set(one) & set(ids('one', 'seconds'))
  assert len(set(one)) == len(one)


def test_a_panel_needs_no_other_file():
  text = plots.panel('one', make_lines(), 'episodes')
  links = set(re.findall(r'href="([^"]*)"', text))
  assert all(link.startswith('#') for link in links)
  assert 'DejaVu' not in text


def test_methods_that_all_do_not_practise_have_a_panel_too():
  lines = [line for line in make_lines() if len(line.band.x) == 1]
  assert 'behaviour cloning' in plots.panel('one', lines, 'episodes')


def test_without_matplotlib_one_line_says_how_to_get_it(monkeypatch):
  real = builtins.__import__

  def without(name, *args, **kwargs):
    if name.startswith('matplotlib'):
      raise ImportError(name)
    return real(name, *args, **kwargs)

  monkeypatch.setattr(builtins, '__import__', without)
  with pytest.raises(ValueError, match=r'awopt-agent\[plots\]'):
    plots.panel('one', make_lines(), 'episodes')
