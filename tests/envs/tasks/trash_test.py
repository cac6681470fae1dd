import numpy as np
import pytest

from awopt_agent.envs import scenes, world
from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.objects import trash as trash_objects
from awopt_agent.envs.tasks import trash

WORLD = world.World()


@pytest.fixture(name='simulation')
def _simulation():
  simulation = simulation_lib.Simulation()
  scenes.make_table(simulation)
  yield simulation
  simulation.close()


def _reset(task, seed):
  rng = np.random.default_rng(seed)
  task.set_conditions(WORLD.draw(rng))
  task.reset(rng)


def _bin_of(simulation, thing):
  """Returns 0, 1 or 2: the left, middle or right bin, by its y."""
  y = simulation.pose(thing.body)[0][1]
  return int(np.digitize(y, (-0.1075, 0.1075)))


@pytest.mark.parametrize('make', [trash.MiddleBin, trash.Compostables])
def test_each_bin_holds_its_number_of_pieces(simulation, make):
  task = make(simulation, WORLD, counts=(1, 3, 2))
  for seed in range(1000):
    _reset(task, seed)
    bins = [_bin_of(simulation, thing) for thing in task.in_play]
    assert np.bincount(bins, minlength=3).tolist() == [1, 3, 2]


def test_what_lies_in_the_middle_counts(simulation):
  task = trash.MiddleBin(simulation, WORLD)
  for seed in range(10):
    _reset(task, seed)
    middle = [t for t in task.in_play if _bin_of(simulation, t) == 1]
    assert set(task.sought()) == set(middle)


def test_what_is_compostable_in_the_middle_counts(simulation):
  task = trash.Compostables(simulation, WORLD)
  others = 0
  for seed in range(40):
    _reset(task, seed)
    middle = [t for t in task.in_play if _bin_of(simulation, t) == 1]
    good = {t for t in middle if t.name in trash_objects.COMPOSTABLE}
    assert good
    assert set(task.sought()) == good
    others += len(good) < len(middle)
  assert others > 20  # As a rule there is something to tell apart.


def test_a_piece_lies_in_one_place_alone(simulation):
  task = trash.Compostables(
    simulation, WORLD, counts=(4, 1, 4), pieces_of_each=2
  )
  for seed in range(40):
    _reset(task, seed)
    assert len({thing.body for thing in task.in_play}) == 9


@pytest.mark.parametrize(
  'settings, message',
  [
    ({'counts': (2, 3)}, 'a number of pieces for each of the 3 bins'),
    ({'counts': 3}, 'a number of pieces for each of the 3 bins'),
    ({'counts': (2, 0, 2)}, r'counts\[1\] must be an int >= 1, got 0'),
    ({'counts': (-1, 3, 2)}, r'counts\[0\] must be an int >= 0, got -1'),
    ({'counts': (2.5, 3, 2)}, r'counts\[0\] must be an int >= 0, got 2.5'),
    ({'pieces_of_each': 1.5}, 'pieces_of_each must be an int'),
    ({'counts': (2, 30, 2), 'pieces_of_each': 9}, 'no room for 30 objects'),
    ({'counts': (2, 3, 2), 'pieces_of_each': 1}, 'raise pieces_of_each'),
  ],
)
def test_refuses_what_cannot_be_laid_out(simulation, settings, message):
  with pytest.raises(ValueError, match=message):
    trash.MiddleBin(simulation, WORLD, **settings)
