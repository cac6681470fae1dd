import colorsys

import numpy as np
import pytest

from awopt_agent.envs import scenes
from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.objects import trash


@pytest.fixture(name='simulation')
def _simulation():
  simulation = simulation_lib.Simulation()
  scenes.make_table(simulation)
  yield simulation
  simulation.close()


@pytest.mark.parametrize('kind', sorted(trash.KINDS))
@pytest.mark.parametrize('seed', range(4))
def test_every_piece_stands_as_placed(simulation, kind, seed):
  thing = trash.make_trash(simulation, kind, np.random.default_rng(seed))
  assert thing.name == kind
  simulation.place(thing.body, (0.5, 0, thing.rest_height_m))
  simulation.step(240)
  position, (x, y, _, _) = simulation.pose(thing.body)
  np.testing.assert_allclose(
    position, (0.5, 0, thing.rest_height_m), atol=0.0015
  )
  assert 1 - 2 * (x * x + y * y) > 0.9999
  low, high = simulation.client.getAABB(thing.body)
  reach = max(high[0] - 0.5, 0.5 - low[0], high[1], -low[1])
  assert reach < thing.radius_m + 0.003


def test_some_kinds_are_compostable_and_others_are_not():
  assert trash.COMPOSTABLE < set(trash.KINDS)


def test_colours_tell_the_classes_apart(simulation):
  """Compostables are of natural colours; no other kind is."""
  rng = np.random.default_rng(0)
  for kind in trash.KINDS:
    for _ in range(5):
      thing = trash.make_trash(simulation, kind, rng)
      rgba = simulation.client.getVisualShapeData(thing.body)[0][7]
      hue, saturation, _ = colorsys.rgb_to_hsv(*rgba[:3])
      natural = saturation > 0.5 and (hue < 0.4 or hue > 0.95)
      assert natural == (kind in trash.COMPOSTABLE), (kind, rgba)
