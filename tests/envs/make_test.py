import pytest

from awopt_agent import envs


def test_makes_the_task_by_name():
  environment = envs.make('green_bowl', seed=3)
  assert environment.get_state() == {'seed': 3, 'episodes_begun': 0}
  assert set(environment.observation_spec()) == {
    'gripper',
    'objects',
    'steps_left',
  }
  environment.close()


@pytest.mark.parametrize(
  'arguments, named',
  [
    (
      {'task': 'blue_bowl'},
      "task 'blue_bowl'; choose one of compostables,",
    ),
    ({'task': 'green_bowl', 'observation': 'smell'}, "observation 'smell'"),
    ({'task': 'green_bowl', 'world': 'dream'}, "world 'dream'"),
    ({'task': 'green_bowl', 'robot': 'hand'}, "robot 'hand'"),
  ],
)
def test_names_what_it_does_not_know(arguments, named):
  with pytest.raises(ValueError, match=f'unknown {named}'):
    envs.make(**arguments)
