import pytest

from awopt_agent.trials import settings


def test_the_last_line_counts_and_comments_do_not(tmp_path):
  one, two = tmp_path / 'one.gin', tmp_path / 'two.gin'
  one.write_text('# A reason.\nA.x = 1\ns/A.y = @b/C()  # Why.\n')
  two.write_text(f"include '{one}'\nA.x = {{\n    'k': 2,\n}}\n")
  assert settings.bound([str(two)], ['A.z = %m']) == {
    'A.x': "{'k': 2}",
    'A.z': "'%m'",
    's/A.y': "'@b/C()'",
  }


def test_files_are_found_in_the_projects_folder():
  found = settings.bound(['variant/awac_p.gin'])
  # Of the file itself, and of the one that it includes.
  assert found['TrainConfig.success_fraction'] == '0.5'
  assert found['CriticConfig.target'] == "'actor'"


def test_a_file_that_does_not_exist_is_named():
  with pytest.raises(ValueError, match='no gin file nope.gin'):
    settings.bound(['nope.gin'])


def test_a_line_that_is_not_gins_is_shown():
  with pytest.raises(ValueError, match='A.x = = 1'):
    settings.bound([], ['A.x = = 1'])


@pytest.mark.parametrize(
  'lines, sets',
  [
    (["TrainConfig.demonstrations = 'data/one'"], ['data/one']),
    (
      [
        'TrainConfig.demonstrations = [@a/Demonstrations(), @Demonstrations()]',
        "a/Demonstrations.source = 'two'",
        "Demonstrations.source = 'one'",
      ],
      ['one', 'two'],
    ),
    ([], []),
  ],
)
def test_sets_of_demonstrations_are_found(lines, sets):
  assert settings.demonstrations(settings.bound([], lines)) == sets
