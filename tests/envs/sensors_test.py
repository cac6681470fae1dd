import numpy as np
import pytest

from awopt_agent import envs
from awopt_agent.envs import robots, scenes, sensors, world
from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.tasks import green_bowl

WORKSPACE = robots.Workspace()


class World:
  """The green bowl task, laid out."""

  def __init__(self, where=None):
    self.where = where or world.World()
    self.simulation = simulation_lib.Simulation()
    scenes.make_table(self.simulation)
    self.task = green_bowl.GreenBowl(self.simulation, self.where)
    self.robot = robots.Kuka(self.simulation, WORKSPACE)
    rng = np.random.default_rng(0)
    self.conditions = self.where.draw(rng)
    self.task.set_conditions(self.conditions)
    self.task.reset(rng)

  def camera(self, **settings):
    """Returns an image sensor at the start of an episode."""
    sensor = sensors.ImageSensor(self.simulation, self.robot, **settings)
    sensor.reset(self.conditions, 0)
    return sensor

  def state(self):
    return sensors.StateSensor(
      self.simulation, self.robot, WORKSPACE, self.task
    )


@pytest.fixture(name='scene')
def _scene():
  scene = World()
  yield scene
  scene.simulation.close()


def test_the_state_says_where_things_are(scene):
  scene.robot.home(np.array([0.55, 0.05, 0.15]), 0.3)
  scene.simulation.place(scene.task.objects[0].body, (0.60, 0.00, 0.0), 0.8)
  seen = scene.state().read()
  # The workspace's middle is (.57, 0, .1575).
  np.testing.assert_allclose(
    seen['gripper'][:3], (-0.02, 0.05, -0.0075), atol=0.002
  )
  np.testing.assert_allclose(
    seen['gripper'][3:], (np.sin(0.3), np.cos(0.3), 1.0), atol=0.01
  )
  # The bowl's foot is 2 cm below where to hold it; .8 - .3 rad of yaw.
  np.testing.assert_allclose(
    seen['objects'][0],
    (0.05, -0.05, -0.15, np.sin(0.5), np.cos(0.5), 1.0),
    atol=0.003,
  )


def test_positions_refer_to_the_grasp_whatever_the_origin(scene):
  scene.robot.home(np.array([0.55, 0.0, 0.15]), 0.0)
  can = scene.task.objects[2]  # Held 2 cm above its middle, at 3 cm.
  scene.simulation.place(can.body, (0.55, 0.0, 0.03))
  seen = scene.state().read()['objects'][2]
  assert seen[2] == pytest.approx(0.03 - 0.15, abs=0.002)


def test_what_is_far_away_is_reported_at_the_horizon(scene):
  scene.simulation.place(scene.task.objects[0].body, (5.0, -5.0, 0.0))
  np.testing.assert_array_equal(
    scene.state().read()['objects'][0, :2], (0.5, -0.5)
  )


def test_the_observation_holds_what_was_asked_for():
  parts = {
    'state': {'gripper', 'objects', 'steps_left'},
    'image': {'image', 'gripper_status', 'steps_left'},
  }
  parts['both'] = parts['state'] | parts['image']
  for observation in envs.OBSERVATIONS:
    env = envs.make('green_bowl', observation=observation)
    seen = env.reset().observation
    assert set(seen) == parts[observation] == set(env.observation_spec())
    for name, spec in env.observation_spec().items():
      assert (seen[name].shape, seen[name].dtype) == (spec.shape, spec.dtype)
    env.close()


@pytest.mark.parametrize('pixels', [48, 64, 472])
def test_a_picture_has_its_size_and_is_bytes(scene, pixels):
  image = scene.camera(pixels=pixels).read()['image']
  assert image.shape == (pixels, pixels, 3)
  assert image.dtype == np.uint8
  assert image.std() > 10


def test_the_bowl_is_green_in_the_picture(scene):
  scene.simulation.place(scene.task.objects[0].body, (0.6, 0.1, 0.0))
  sensor = scene.camera()
  seen = sensor.read()['image'].astype(int)
  scene.simulation.place(scene.task.objects[0].body, (3.0, 3.0, 0.0))
  without = sensor.read()['image'].astype(int)
  changed = np.abs(seen - without).max(axis=-1) > 20
  assert 5 < changed.sum() < 400
  red, green, blue = seen[changed].mean(axis=0)
  assert green > red + 15 and green > blue + 15


def test_the_camera_sees_the_whole_workspace(scene):
  """A block at any corner of where objects lie changes the picture."""
  sensor = scene.camera()
  block = scene.task.objects[1].body
  for x in (0.44, 0.70):
    for y in (-0.18, 0.18):
      scene.simulation.place(block, (3.0, 3.0, 0.02))
      without = sensor.read()['image'].astype(int)
      scene.simulation.place(block, (x, y, 0.02))
      seen = sensor.read()['image'].astype(int)
      assert np.sum(np.abs(seen - without).max(axis=-1) > 20) >= 3, (x, y)


@pytest.mark.parametrize(
  ('wrong', 'message'),
  [
    ({'pixels': 64.5}, 'pixels must lie in .* got 64.5; choose such an int'),
    ({'field_of_view_deg': 0.0}, 'field_of_view_deg must lie between'),
    ({'field_of_view_deg': 180.0}, 'field_of_view_deg must lie between'),
    ({'eye_m': (1.0, 2.0)}, 'eye_m must be three finite numbers'),
    ({'target_m': (np.inf, 0.0, 0.0)}, 'target_m must be three finite'),
    # Straight above, up is no direction in the picture.
    ({'eye_m': (0.57, 0.0, 0.7)}, 'sees nothing'),
    ({'eye_m': (5.0, 5.0, 5.0)}, 'sees nothing'),
  ],
)
def test_a_camera_that_cannot_be_is_refused(scene, wrong, message):
  with pytest.raises(ValueError, match=message):
    scene.camera(**wrong)


def test_the_status_tells_aperture_and_height(scene):
  scene.robot.home(np.array([0.55, 0.0, 0.2]), 0.0)
  opened = scene.camera().read()['gripper_status']
  np.testing.assert_allclose(opened, (1.0, 0.2), atol=0.01)
  scene.robot.command(np.zeros(3), 0.0, True)
  scene.simulation.step(120)
  assert scene.camera().read()['gripper_status'][0] < 0.05


def test_a_shifted_camera_and_noise_change_the_picture_by_the_seed():
  scene = World(
    world.World(camera_shift_m=0.02, image_noise=(5.0, 5.0), light_spread=0.4)
  )
  sensor = scene.camera()
  first = sensor.read()['image']
  sensor.reset(scene.conditions, 0)
  np.testing.assert_array_equal(sensor.read()['image'], first)
  sensor.reset(scene.conditions, 1)
  noise = sensor.read()['image'].astype(int) - first
  # The difference of two draws of sigma 5; white is clipped.
  assert 4 < noise.std() < 8
  other = world.World(camera_shift_m=0.02).draw(np.random.default_rng(5))
  sensor.reset(other, 0)
  assert np.mean(sensor.read()['image'] != first) > 0.1
  scene.simulation.close()


def test_people_see_the_robot_and_not_its_boxes():
  env = envs.make('green_bowl', observation='image')
  plain = envs.make('green_bowl', observation='state')
  env.reset()
  plain.reset()
  people = env.render().astype(int)
  assert np.abs(people - plain.render()).mean() < 3
  env.close()
  plain.close()


@pytest.mark.parametrize(
  'settings, message',
  [
    ({'eye_m': (0.3, 0.6, -0.1)}, 'inside the table; move it'),
    ({'eye_m': (0.5, 0.0, 0.5)}, "inside the robot 'lbr_iiwa"),
    ({'eye_m': (0.5, 0.0, 0.5), 'target_m': (0.5, 0.0, 0.5)}, 'same point'),
    ({'pixels': 47}, r'pixels must lie in \[48, 472\], got 47'),
    ({'pixels': 473}, r'pixels must lie in \[48, 472\], got 473'),
  ],
)
def test_refuses_a_camera_that_sees_nothing(scene, settings, message):
  with pytest.raises(ValueError, match=message):
    scene.camera(**settings)


def test_refuses_a_camera_in_a_wall_of_a_bin():
  simulation = simulation_lib.Simulation()
  scenes.make_bin(
    simulation, scenes.Area((0.4, -0.1), (0.6, 0.1)), height_m=0.5
  )
  arm = robots.Kuka(simulation, WORKSPACE)
  simulation.step(1)
  with pytest.raises(ValueError, match='is inside body 0; move it'):
    sensors.ImageSensor(simulation, arm, eye_m=(0.5, 0.05, 0.4))
  simulation.close()
