"""Frames of a film: what was seen, with what was done and won below it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from awopt_agent.train import canvas as canvas_lib

__all__ = [
  'HEIGHT',
  'PICTURE_HEIGHT',
  'WIDTH',
  'Frame',
  'contact_sheet',
  'draw',
]

# All sizes are multiples of 16, as codecs of videos like them.
WIDTH, PICTURE_HEIGHT, _PANEL_HEIGHT = 320, 240, 64
HEIGHT = PICTURE_HEIGHT + _PANEL_HEIGHT
_VIEW_WIDTH = PICTURE_HEIGHT
_GAP_PX = 8

_PANEL = (24, 27, 33)
_TRACK = (58, 64, 76)
_TEXT = (236, 239, 244)
_FAINT = (150, 158, 172)
_ACTION = (255, 166, 43)
_SUCCESS = (46, 160, 67)
_FAILURE = (207, 56, 48)
_WHITE = (255, 255, 255)
_MARGIN = 8
_ROWS = tuple(PICTURE_HEIGHT + y for y in (12, 32, 52))
_TRACK_PX = 32


class Frame(NamedTuple):
  """One step of an episode, as it is shown.

  Attributes:
    title: Name of the task or of the data set.
    episode: Number of the episode, from 1.
    step: Number of actions before.
    picture: uint8 `[h, w, 3]`, what people look at.
    view: uint8 `[h, w, 3]`, the picture that the policy looks at, or None.
    action: What is done next, of `grasp_env.action_spec`; parts may lack.
      None at the end.
    reward: Sum of the rewards so far.
    success: How the episode ended; None before its end.
    q: Value that the policy gives its action; None if it gives none.
    arrow: Where the action leads in `picture`, start and end, pixels; None
      draws none.
  """

  title: str
  episode: int
  step: int
  picture: np.ndarray
  view: np.ndarray | None = None
  action: Mapping[str, Any] | None = None
  reward: float = 0.0
  success: bool | None = None
  q: float | None = None
  arrow: tuple[canvas_lib.Point, canvas_lib.Point] | None = None


def draw(frame: Frame) -> np.ndarray:
  """Draws a frame.

  Returns:
    uint8 `[HEIGHT, W, 3]`; W is `WIDTH`, or more if there is a view.
  """
  width = WIDTH + (0 if frame.view is None else _VIEW_WIDTH)
  canvas = canvas_lib.Canvas(width, HEIGHT, _PANEL)
  canvas.paste(frame.picture, 0, 0, WIDTH, PICTURE_HEIGHT)
  if frame.arrow is not None:
    canvas.arrow(*frame.arrow, _ACTION, _WHITE)
  if frame.view is not None:
    canvas.paste(frame.view, WIDTH, 0, _VIEW_WIDTH, PICTURE_HEIGHT)
    _chip(canvas, (WIDTH + 6, 14), 'observed', _PANEL)
  if frame.success is not None:
    colour = _SUCCESS if frame.success else _FAILURE
    canvas.box((0, 0), (width, PICTURE_HEIGHT), outline=colour, line_width=4)
  _draw_heading(canvas, frame, right=width - _MARGIN)
  if frame.action is not None:
    _draw_move(canvas, frame.action)
    _draw_switches(canvas, frame.action)
  _draw_outcome(canvas, frame, right=width - _MARGIN)
  return canvas.array()


def contact_sheet(rows: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
  """Lays drawn frames out in rows, from the left, on white.

  Args:
    rows: Pictures uint8 `[h, w, 3]` of one size.

  Returns:
    uint8 `[H, W, 3]`.
  """
  height, width = (length + _GAP_PX for length in rows[0][0].shape[:2])
  columns = max(map(len, rows))
  shape = (len(rows) * height + _GAP_PX, columns * width + _GAP_PX, 3)
  sheet = np.full(shape, 255, np.uint8)
  for row, pictures in enumerate(rows):
    for column, picture in enumerate(pictures):
      top, left = row * height + _GAP_PX, column * width + _GAP_PX
      sheet[top:, left:][: picture.shape[0], : picture.shape[1]] = picture
  return sheet


def _draw_heading(canvas, frame: Frame, right: int) -> None:
  canvas.text((_MARGIN, _ROWS[0]), frame.title, _TEXT, size=14)
  place = f'episode {frame.episode}   step {frame.step}'
  canvas.text((right, _ROWS[0]), place, _FAINT, anchor='rm')


def _draw_move(canvas, action: Mapping[str, Any]) -> None:
  vector = np.ravel(action.get('world_vector', ()))
  meters = list(zip('xyz', vector, strict=False))
  meters += [('yaw', value) for value in np.ravel(action.get('yaw', ()))]
  x = _MARGIN
  for name, value in meters:
    x = _draw_meter(canvas, x, name, float(value))


def _draw_meter(canvas, x: int, name: str, value: float) -> int:
  """Draws a number in [-1, 1] as a bar; returns where the next one begins."""
  y = _ROWS[1]
  canvas.text((x, y), name, _FAINT, size=11)
  left = x + (10 if len(name) == 1 else 24)
  middle = left + _TRACK_PX / 2
  canvas.box((left, y - 4), (left + _TRACK_PX, y + 4), fill=_TRACK, radius=2)
  tip = middle + np.clip(value, -1, 1) * _TRACK_PX / 2
  canvas.box((min(middle, tip), y - 4), (max(middle, tip), y + 4), fill=_ACTION)
  canvas.line((middle, y - 6), (middle, y + 6), _FAINT)
  number = f'{round(value, 1) + 0.0:+.1f}'  # Never -0.0.
  canvas.text((left + _TRACK_PX + 3, y), number, _TEXT, size=11)
  return left + _TRACK_PX + 32


def _draw_switches(canvas, action: Mapping[str, Any]) -> None:
  if 'gripper' in action:
    closed = bool(action['gripper'])
    _draw_fingers(canvas, _MARGIN, closed)
    word = 'close' if closed else 'open'
    canvas.text((_MARGIN + 30, _ROWS[2]), word, _TEXT)
  if action.get('terminate'):
    _chip(canvas, (_MARGIN + 70, _ROWS[2]), 'terminate', _ACTION, _PANEL)


def _draw_fingers(canvas, x: int, closed: bool) -> None:
  y, middle = _ROWS[2], x + 11
  gap = 2 if closed else 8
  canvas.line((middle - 10, y - 5), (middle + 10, y - 5), _ACTION, 2)
  for side in (-1, 1):
    finger = middle + side * gap
    canvas.line((finger, y - 6), (finger, y + 7), _ACTION, 3)


def _draw_outcome(canvas, frame: Frame, right: int) -> None:
  y = _ROWS[2]
  canvas.text((right, y), f'reward {frame.reward:g}', _FAINT, anchor='rm')
  if frame.q is not None:
    canvas.text((right - 70, y), f'Q {frame.q:.2f}', _TEXT, anchor='rm')
  if frame.success is not None:
    word = 'success' if frame.success else 'failure'
    colour = _SUCCESS if frame.success else _FAILURE
    _chip(canvas, (_MARGIN, y), word, colour)


def _chip(canvas, left_middle, text: str, colour, ink=_TEXT) -> None:
  """Writes white on a ground of its own, which fits pillow's own font."""
  x, y = left_middle
  width = 6.2 * len(text) + 10
  canvas.box((x, y - 8), (x + width, y + 8), fill=colour, radius=4)
  canvas.text((x + width / 2, y), text, ink, anchor='mm')
