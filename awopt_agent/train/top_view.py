"""A map of the table, drawn from the state observation alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from awopt_agent.envs import robots
from awopt_agent.train import canvas as canvas_lib

__all__ = ['HEIGHT', 'WIDTH', 'draw']

WIDTH, HEIGHT = 320, 240

_PIXELS_PER_M = 480
_TABLE = (222, 205, 182)
_FAINT = (176, 158, 134)
_INK = (40, 44, 52)
_SOUGHT = (46, 160, 67)
_OTHER = (122, 134, 154)
_MOVE = (255, 140, 0)
_WHITE = (255, 255, 255)
# Half of the gap between the fingers of either robot when open, metres.
_HALF_GAP_M = 0.045
_DOT_PX, _DOT_PX_PER_M = 7.0, 50.0
# An arrow of the true length, 5 cm at most, would hide under the gripper.
_MOVE_M = 0.1
_GAUGE_X, _GAUGE_TOP, _GAUGE_BOTTOM, _GAUGE_M = 292, 30, 214, 0.3


def draw(
  observation: Mapping[str, np.ndarray], action: Mapping[str, Any] | None
) -> np.ndarray:
  """Draws gripper and objects as seen from above, the robot at the bottom.

  The first object is green; higher things are larger, and a gauge at the
  right shows the heights of the gripper and of the first object.

  Args:
    observation: `gripper` and `objects` of `sensors.StateSensor`.
    action: Drawn as an arrow from the gripper; None for none.

  Returns:
    uint8 `[HEIGHT, WIDTH, 3]`.
  """
  canvas = canvas_lib.Canvas(WIDTH, HEIGHT, _TABLE)
  _draw_table(canvas)
  gripper = np.asarray(observation['gripper'], float)
  objects = np.asarray(observation['objects'], float)
  # Poses are relative: positions to the gripper, angles to its yaw.
  positions = gripper[:3] + objects[:, :3]
  yaw = np.arctan2(gripper[3], gripper[4])
  for index in reversed(range(len(objects))):
    turn = yaw + np.arctan2(objects[index, 3], objects[index, 4])
    colour = _OTHER if index else _SOUGHT
    _draw_object(canvas, positions[index], turn, colour)
  _draw_gripper(canvas, gripper, yaw)
  if action is not None and 'world_vector' in action:
    goal = gripper[:3] + _MOVE_M * np.asarray(action['world_vector'])
    canvas.arrow(_spot(gripper), _spot(goal), _MOVE, _WHITE)
  _draw_gauge(canvas, gripper[2], positions[:1, 2])
  return canvas.array()


def _spot(position_m) -> canvas_lib.Point:
  """Returns where a position from the workspace's middle is on the map."""
  x, y = position_m[:2]
  return WIDTH / 2 - y * _PIXELS_PER_M, HEIGHT / 2 - x * _PIXELS_PER_M


def _height_m(z_m: float) -> float:
  return z_m + robots.Workspace().center_m[2]


def _draw_table(canvas: canvas_lib.Canvas) -> None:
  workspace = robots.Workspace()
  middle = workspace.center_m
  canvas.box(
    _spot(workspace.high_m - middle),
    _spot(workspace.low_m - middle),
    outline=_FAINT,
    radius=4,
  )
  canvas.text((WIDTH / 2, 230), 'robot', _FAINT, size=11, anchor='mm')
  canvas.line((10, 226), (10 + 0.1 * _PIXELS_PER_M, 226), _FAINT, 2)
  canvas.text((64, 226), '10 cm', _FAINT, size=11)


def _draw_object(canvas, position_m, yaw_rad: float, colour) -> None:
  x, y = spot = _spot(position_m)
  radius = _DOT_PX + _DOT_PX_PER_M * max(0.0, _height_m(position_m[2]))
  canvas.disc(spot, radius, colour, _WHITE)
  # On the map the robot's x points up, and y to the left.
  tip = radius * np.array([np.sin(yaw_rad), np.cos(yaw_rad)])
  canvas.line((x - tip[0], y - tip[1]), (x + tip[0], y + tip[1]), _WHITE)


def _draw_gripper(canvas, gripper: np.ndarray, yaw_rad: float) -> None:
  along = np.array([np.cos(yaw_rad), np.sin(yaw_rad)])
  across = 0.014 * np.array([-along[1], along[0]])
  gap = along * (_HALF_GAP_M * gripper[5] + 0.008)
  middle = gripper[:2]
  canvas.line(_spot(middle - gap), _spot(middle + gap), _INK)
  for finger in (middle - gap, middle + gap):
    canvas.line(_spot(finger - across), _spot(finger + across), _INK, 5)
  canvas.disc(_spot(middle), 2.5, _INK)


def _draw_gauge(canvas, gripper_z_m: float, sought_z_m: np.ndarray) -> None:
  def row(z_m):
    share = np.clip(_height_m(z_m) / _GAUGE_M, 0, 1)
    return _GAUGE_BOTTOM - share * (_GAUGE_BOTTOM - _GAUGE_TOP)

  x = _GAUGE_X
  canvas.text((x, 16), 'height', _FAINT, size=11, anchor='mm')
  canvas.line((x, _GAUGE_TOP), (x, _GAUGE_BOTTOM), _FAINT, 2)
  canvas.line((x - 6, _GAUGE_BOTTOM), (x + 6, _GAUGE_BOTTOM), _FAINT, 2)
  for z_m in sought_z_m:
    canvas.disc((x, row(z_m)), 5, _SOUGHT, _WHITE)
  y = row(gripper_z_m)
  canvas.box((x - 8, y - 2), (x + 8, y + 2), fill=_INK, radius=1)
