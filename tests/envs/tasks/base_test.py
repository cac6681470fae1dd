"""What holds of every task, in each world where its objects come to rest."""

import itertools

import numpy as np
import pytest

from awopt_agent.envs import TASKS, WORLDS, robots, scenes
from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.tasks import base

# Among convex margins; deeper contacts would be an overlap.
MAX_DEPTH_M = 0.002


class World:
  """A task in a simulation, with a robot."""

  def __init__(self, task, where):
    self.simulation = simulation_lib.Simulation()
    scenes.make_table(self.simulation)
    self.where = WORLDS[where]()
    self.task = TASKS[task](self.simulation, self.where)
    self.robot = robots.Kuka(self.simulation, robots.Workspace())

  def reset(self, seed):
    rng = np.random.default_rng(seed)
    self.task.set_conditions(self.where.draw(rng))
    self.task.reset(rng)

  def spots(self):
    return [self.simulation.pose(thing.body)[0] for thing in self.task.in_play]


@pytest.fixture(
  name='world',
  params=itertools.product(sorted(TASKS), sorted(WORLDS)),
  ids=lambda pair: '-'.join(pair),
  scope='module',
)
def _world(request):
  world = World(*request.param)
  yield world
  world.simulation.close()


def test_as_many_objects_are_in_play_in_each_episode(world):
  for seed in range(10):
    world.reset(seed)
    assert len(world.task.in_play) == world.task.count
    assert len({thing.body for thing in world.task.in_play}) == world.task.count
    assert world.task.sought()


def test_no_object_overlaps_another_or_starts_lifted(world):
  # Meshes take their time to settle.
  for seed in range(100 if world.where.meshes else 1000):
    world.reset(seed)
    for contact in world.simulation.client.getContactPoints():
      assert contact[8] > -MAX_DEPTH_M
    for thing in world.task.in_play:
      # The engine's box around a tilted mesh is larger than the mesh.
      slack = 0.003 if thing.stands else 0.03
      assert -slack < world.simulation.lowest_m(thing.body) < 0.02
      assert world.simulation.speed(thing.body) < 0.01
    assert not world.task.success(world.robot)


def test_objects_stay_as_they_were_laid(world):
  for seed in range(10):
    world.reset(seed)
    before = world.spots()
    world.simulation.step(60)
    for thing, was, now in zip(
      world.task.in_play, before, world.spots(), strict=True
    ):
      # A mesh may rock on.
      atol = 0.001 if thing.stands else 0.005
      np.testing.assert_allclose(now, was, atol=atol)


def test_the_sought_come_first_and_the_nearest_of_them(world):
  world.reset(0)
  sought = {thing.body for thing in world.task.sought()}
  first = world.task.ordered(np.array([0.5, 0.0, 0.1]))[: len(sought)]
  assert {thing.body for thing in first} == sought
  if world.task.long_objects:
    distances = [
      np.hypot(*(world.simulation.pose(thing.body)[0] - (0.5, 0.0, 0.0))[:2])
      for thing in first
    ]
    assert distances == sorted(distances)


def test_chance_alone_decides_the_layout(world):
  layouts = []
  for seed in (5, 6, 5):
    world.reset(seed)
    layouts.append(np.array(world.spots()))
  # Not bit for bit: no saved state was restored in between.
  np.testing.assert_allclose(layouts[0], layouts[2], atol=1e-3)
  assert np.abs(layouts[0] - layouts[1]).max() > 0.01


def _lift(world, thing, height_m=0.1, *, closed):
  """Puts a thing between the fingers, in the air."""
  simulation, robot = world.simulation, world.robot
  simulation.client.setGravity(0, 0, 0)
  at = np.array([0.57, 0.0, height_m])
  robot.home(at, 0.0)
  simulation.step(30)
  at[2] += thing.rest_height_m - 0.03
  simulation.place(thing.body, at)
  robot.command(np.zeros(3), 0.0, closed)
  simulation.step(48)
  simulation.client.setGravity(0, 0, -9.81)


def test_a_sought_object_counts_when_held_and_lifted(world):
  world.reset(1)
  thing = world.task.sought()[0]
  _lift(world, thing, 0.13, closed=True)
  assert world.task.success(world.robot)


def test_an_object_in_the_air_that_nothing_holds_does_not_count(world):
  world.reset(1)
  thing = world.task.sought()[0]
  _lift(world, thing, 0.13, closed=False)
  assert world.simulation.lowest_m(thing.body) > base.Task.LIFT_M
  assert not world.task.success(world.robot)


def test_a_held_object_that_is_not_lifted_does_not_count(world):
  world.reset(1)
  for thing in world.task.sought():  # A mesh may slip away.
    _lift(world, thing, 0.07, closed=True)
    if world.robot.holds(thing.body):
      break
  assert world.robot.holds(thing.body)
  assert not world.task.success(world.robot)


def test_another_object_does_not_count(world):
  for seed in range(20):
    world.reset(seed)
    sought = {thing.body for thing in world.task.sought()}
    others = [t for t in world.task.in_play if t.body not in sought]
    if others:
      _lift(world, others[0], 0.13, closed=True)
      assert world.robot.holds(others[0].body)
      assert not world.task.success(world.robot)
      return
  assert world.task.count == len(sought)  # Each object is sought.


def test_the_conditions_reach_the_objects(world):
  rng = np.random.default_rng(0)
  conditions = world.where.draw(rng)
  world.task.set_conditions(conditions)
  world.task.reset(rng)
  for thing in world.task.in_play:
    mass, friction = world.simulation.client.getDynamicsInfo(thing.body, -1)[:2]
    assert mass == pytest.approx(thing.mass_kg * conditions.mass_scale)
    assert friction == pytest.approx(conditions.friction)


def test_refuses_no_objects():
  with pytest.raises(
    ValueError, match='Thing.count must be an int >= 1, got 0'
  ):
    base.check_count('Thing.count', 0)
