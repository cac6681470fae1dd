from awopt_agent.trials import suite
from awopt_agent.trials.evidence import figures, plots


def trials():
  return {
    (trial.grid, trial.variant) for trial in suite.load(['state', 'images'])
  }


def test_suites_run_what_the_figures_show():
  shown = {
    (figure.grid, variant)
    for figure in (*figures.FIGURES, *figures.WORLDS)
    for variant in figure.variants
  }
  assert shown <= trials()


def test_each_method_has_a_label_of_its_own_in_its_figure():
  for figure in figures.FIGURES:
    labels = {figure.label(variant) for variant in figure.variants}
    assert len(labels) == len(figure.variants)
    assert not labels & set(figure.variants), 'a bare name is no label'


def test_a_figure_may_call_a_method_otherwise():
  labels = {figure.name: figure.label('awopt') for figure in figures.FIGURES}
  assert labels['figure_5'] == 'maxQ + ActorCandidate'
  assert labels['figure_6'] == 'AW-Opt'


def test_names_of_figures_differ_and_there_are_colours_enough():
  names = [figure.name for figure in figures.FIGURES]
  assert len(set(names)) == len(names)
  most = max(len(figure.variants) for figure in figures.FIGURES)
  assert most <= len(plots.COLOURS)


def test_table_1_has_a_number_for_each_method():
  for table in figures.WORLDS:
    assert len(table.paper) == len(table.variants)
