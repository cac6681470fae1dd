import numpy as np
import pytest

from awopt_agent.train import top_view

pytest.importorskip('PIL')

_GREEN, _GREY, _ORANGE = (46, 160, 67), (122, 134, 154), (255, 140, 0)


def _observe(*objects_m, aperture=1.0):
  """The gripper is .05 m to the right of the middle, 10 cm above the table."""
  gripper = [0, -0.05, 0.10 - 0.1575, 0, 1, aperture]
  rows = [[*position, 0, 1, 1] for position in objects_m]
  return {
    'gripper': np.array(gripper, np.float32),
    'objects': np.array(rows, np.float32),
  }


def _middle_of(picture, colour):
  """Returns x and y; the gauge at the right is left out."""
  rows, columns = np.nonzero(np.all(picture[:, :270] == colour, axis=-1))
  return (columns.min() + columns.max() + 1) / 2, (
    (rows.min() + rows.max() + 1) / 2
  )


def test_objects_lie_where_they_are_and_the_first_is_green():
  # 480 pixels a metre, x upwards and y to the left of the middle (160, 120).
  # Objects are relative to the gripper, which is at y = -.05.
  picture = top_view.draw(_observe((0.1, 0.15, -0.1), (-0.1, 0.15, -0.1)), None)
  assert picture.shape == (240, 320, 3)
  np.testing.assert_allclose(_middle_of(picture, _GREEN), (112, 72), atol=1)
  np.testing.assert_allclose(_middle_of(picture, _GREY), (112, 168), atol=1)


def test_a_lifted_object_is_larger():
  sizes = [
    np.all(top_view.draw(_observe((0.1, 0.1, z)), None) == _GREEN, -1).sum()
    for z in (-0.1, 0.0)
  ]
  assert sizes[1] > 1.5 * sizes[0]


def test_the_fingers_close():
  pictures = [
    top_view.draw(_observe((0.1, 0.2, -0.1), aperture=aperture), None)
    for aperture in (1.0, 0.0)
  ]
  dark = [np.nonzero(np.all(p < 60, axis=-1)[:, :270])[0] for p in pictures]
  # Open fingers are 2 * (45 + 8) mm apart, closed ones 16 mm.
  assert np.ptp(dark[0]) > 2 * np.ptp(dark[1])


def test_an_action_is_an_arrow_from_the_gripper():
  observation = _observe((-0.1, 0.2, -0.1))
  action = {'world_vector': np.array([1, 0, 0], np.float32)}
  picture = top_view.draw(observation, action)
  # From y = -.05 m, x = 184, up by 48 pixels.
  x, y = _middle_of(picture, _ORANGE)
  assert x == pytest.approx(184, abs=1)
  assert 120 - 48 < y < 120
  assert not np.any(
    np.all(top_view.draw(observation, None) == _ORANGE, axis=-1)
  )
