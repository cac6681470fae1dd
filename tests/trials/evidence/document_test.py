import pytest

from awopt_agent.trials.evidence import (
  blocks,
  claims,
  document,
  judging,
  results,
)
from tests.trials.evidence import made_up

pytest.importorskip('matplotlib')


def compose(tmp_path, *methods):
  made_up.write(tmp_path / 'records', *methods)
  return document.compose(results.gather(str(tmp_path / 'records')))


def of(kind, found):
  return [block for block in found if isinstance(block, kind)]


def two_methods():
  return (
    made_up.method('compostables', 'qt_opt', [(0, 0.5), (0, 0.6)]),
    made_up.method('compostables', 'awac', [(0.2, 0.1), (0.3, 0.1)]),
  )


def test_it_begins_with_what_holds(tmp_path):
  title, summary = compose(tmp_path, *two_methods())[:2]
  assert title == blocks.Heading(1, 'Results')
  # Only claim 4 has AWAC alone, and that on four tasks.
  assert "Of the paper's 11 claims: 11 were not run." in summary.text
  assert 'From 4 trials, 8.0 min of one core.' in summary.text


def test_without_records_it_says_how_to_begin(tmp_path):
  found = compose(tmp_path)
  assert len(found) == 3
  assert 'awopt-report --suite state' in found[-1].text


def test_a_figure_has_its_picture_its_caption_and_its_table(tmp_path):
  found = compose(tmp_path, *two_methods())
  place = found.index(blocks.Heading(3, 'Figure 2: the methods before AW-Opt'))
  picture, caption, table = found[place + 1 : place + 4]
  assert picture.name == 'figure_2'
  assert caption.text == (
    '2 seeds of each, evaluated in 100 episodes on the way and 700 at the '
    'ends. The paper: QT-Opt stays at 0; AWAC falls from .04 to 0.'
  )
  assert table.header[0] == 'method'
  assert [row[0] for row in table.rows] == ['QT-Opt', 'AWAC']
  # The mean of .5 and .6 at the end; two minutes a trial.
  assert table.rows[0][4].startswith('.55 [')
  # 100 before practice, and one each episode.
  assert table.rows[0][5:] == ('2,100', '2.0 min')


def test_one_seed_is_called_that_and_methods_not_run_are_named(tmp_path):
  found = compose(
    tmp_path, made_up.method('compostables', 'qt_opt', [(0, 0.5)])
  )
  captions = [block.text for block in of(blocks.Text, found)]
  (caption,) = (text for text in captions if 'QT-Opt stays' in text)
  assert caption.startswith('1 seed of each')
  assert 'of one seed, the interval is of its episodes alone' in caption
  assert 'not run: AWAC.' in caption


def test_methods_of_other_code_are_not_shown_beside_each_other(tmp_path):
  one, _ = two_methods()
  other = made_up.method('compostables', 'awac', [(0, 0)], sources='other')
  found = compose(tmp_path, one, other)
  place = found.index(blocks.Heading(3, 'Figure 2: the methods before AW-Opt'))
  assert found[place + 1].text.startswith('Not shown: compostables/')


def test_what_people_say_is_there(tmp_path):
  (tmp_path / 'notes.toml').write_text(
    'deviations = ["another robot"]\nfailures = ["it fell"]\n'
    '[claims]\n4 = "because"\n'
  )
  found = compose(tmp_path, *two_methods())
  lines = [line for block in of(blocks.Items, found) for line in block.lines]
  assert lines == [
    '2,000 episodes of practice in a trial, where the paper has 20,000 to '
    '200,000.',
    'another robot',
    'it fell',
  ]
  assert of(blocks.Claims, found)[0].notes == {'4': 'because'}


def test_a_sweep_has_a_row_a_value_and_a_column_a_method(tmp_path):
  cells = [
    made_up.method(f'compostables_temperature_{value}', name, [(0.2, 0.6)])
    for value in ('0.01', '0.5')
    for name in ('awac', 'awopt')
  ]
  found = compose(tmp_path, *cells)
  place = found.index(blocks.Heading(3, 'temperature, compostables'))
  table = found[place + 2]
  assert table.header == ('binding', 'AWAC', 'AW-Opt')
  bindings = [row[0] for row in table.rows]
  assert bindings == [
    '`ActorConfig.temperature = 0.01`',
    '`ActorConfig.temperature = 0.5`',
  ]
  # Mean .4 over practice, from .2 to .6.
  assert table.rows[0][1].startswith('.40 [')
  assert table.rows[0][1].endswith('; .20 to .60')


def test_a_claim_that_fails_is_asked_of_a_sweep(tmp_path):
  base = [
    made_up.method('compostables', variant, [(0, 0.5)] * 3)
    for variant in ('qt_opt', 'awac', 'awopt')
  ]
  cell = made_up.method(
    'compostables_temperature_0.5', 'awac', [(0, 0.02)], episodes=2000
  )
  found = compose(tmp_path, *base, cell)
  # Claim 10 wants AWAC at about 0.
  assert of(blocks.Claims, found)[0].notes['10'] == 'Swept below: temperature.'
  place = found.index(blocks.Heading(3, 'temperature, compostables'))
  table = found[place + 4]
  assert table.header == ('binding', '10: AWAC ends at about 0')
  ((binding, result),) = table.rows
  assert binding == '`ActorConfig.temperature = 0.5`'
  assert result.startswith('✓ .02 [')


def test_commits_and_changes_are_named(tmp_path):
  one, two = two_methods()
  dirty = made_up.method(
    'compostables', 'awac', [(0, 0)], commit=f'{"1" * 40}-dirty'
  )
  found = compose(tmp_path, one, two[1:], dirty)
  assert found[-1].text.startswith(
    'Commits: 000000000000, 111111111111-dirty. Versions: tensorflow 2.15.1'
  )


@pytest.mark.parametrize(
  'given, text',
  [
    (['holds', 'holds', 'does not hold'], '2 hold, 1 does not hold'),
    (['holds', 'cannot tell'], '1 holds, 1 cannot be told'),
    (['not run'] * 3, '3 were not run'),
    (['not run'], '1 was not run'),
  ],
)
def test_verdicts_are_counted(given, text):
  found = [
    judging.ClaimResult(claims.CLAIMS[0], judging.Verdict(one), ())
    for one in given
  ]
  assert document.verdicts(found) == text
