from awopt_agent.trials.evidence import blocks, markdown
from tests.trials.evidence import blocks_test


def render(*found, films=()):
  report = [blocks.Heading(1, 'Title'), blocks.Text('Summary.'), *found]
  return markdown.render(
    report, page='page.html', pictures='figures', films=films
  )


def test_the_page_is_linked_after_the_summary():
  lines = render(blocks.Text('More.')).split('\n\n')
  assert lines[:2] == ['# Title', 'Summary.']
  assert '[page.html](page.html)' in lines[2]
  assert lines[3] == 'More.\n'


def test_a_table_keeps_its_columns_whatever_is_in_a_cell():
  text = render(blocks.Table(('a', 'b'), (('x|y', '1'),)))
  assert '| a | b |\n| --- | --- |\n| x/y | 1 |' in text


def test_a_claim_is_a_row_with_its_parts():
  text = render(blocks_test.make_claims())
  # .85 - .15, two seeds each.
  assert '| 1 | AW-Opt wins | .9 and .1 | a: +.70 [' in text
  assert '(.85 - .15), must be above 0, holds | **holds** |' in text
  assert '| 2 | all win |  | b: not run (bowl/bc) | **not run** |' in text


def test_notes_follow_the_claims():
  text = render(blocks_test.make_claims([('1', 'Tried twice.')]))
  assert text.rstrip().endswith('Claim 1: Tried twice.')


def test_a_figure_without_a_picture_is_left_out():
  assert 'figures/' not in render(blocks.Picture('one', {}, 'alt'))
  shown = render(blocks.Picture('one', {'episodes': '<svg/>'}, 'alt'))
  assert '![alt](figures/one.svg)' in shown


def test_without_films_there_is_no_line_of_them():
  assert 'ilms' not in render(blocks.Films())
  text = render(blocks.Films(), films=['films/a.mp4'])
  assert '[a.mp4](films/a.mp4)' in text and 'against time, films and' in text
