import pytest

from awopt_agent.train import demos_flags


def test_each_verb_has_its_flags():
  record = demos_flags.parse(['record', '--out', 'a'])
  assert (record.verb, record.task, record.episodes) == ('record', None, 120)
  play = demos_flags.parse(['play', '--out', 'a.gif', '--task', 'x'])
  assert (play.task, play.policy, play.random) == (['x'], None, False)
  assert demos_flags.parse(['inspect', 'a']).split == 'train'


@pytest.mark.parametrize('verb', ['record', 'play'])
def test_gin_reaches_both_that_make_environments(verb):
  flags = demos_flags.parse(
    [verb, '--out', 'a', '--gin_file', 'b', '--gin_bindings', 'c', '--seed=3']
  )
  assert (flags.gin_file, flags.gin_bindings, flags.seed) == (['b'], ['c'], 3)
  # What is not given is left to the configuration.
  assert (flags.robot, flags.world, flags.observation) == (None,) * 3


@pytest.mark.parametrize(
  'wrong',
  [
    [],
    ['record'],
    ['record', '--out', 'a', '--episodes', '0'],
    ['record', '--out', 'a', '--seed', '-1'],
    ['play', '--out', 'a', '--random', '--demos', 'b'],
    ['inspect'],
  ],
)
def test_bad_usage_ends_with_two(wrong, capsys):
  with pytest.raises(SystemExit) as ended:
    demos_flags.parse(wrong)
  assert ended.value.code == 2
  assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_options_of_a_format_are_values_or_words():
  flags = demos_flags.parse(
    ['convert', 'a', '--out', 'b', '--option=n=200', '--option', 'key=train']
  )
  assert flags.option == [('n', 200), ('key', 'train')]


def test_places_and_shares_are_read():
  chosen = demos_flags.parse(
    ['filter', 'a', '--out', 'b', '--index', '0,4,7-9']
  )
  assert chosen.index == [0, 4, 7, 8, 9]
  share = demos_flags.parse(['split', 'a', '--out', 'b', '--into', 'a=3,b=.5'])
  assert share.into == {'a': 3.0, 'b': 0.5}
