import numpy as np
import pytest

from awopt_agent.train import captions

pytest.importorskip('PIL')

_GREEN, _RED, _ORANGE = (46, 160, 67), (207, 56, 48), (255, 166, 43)
_PANEL = slice(captions.PICTURE_HEIGHT, None)


def _frame(**changes):
  picture = np.full((240, 320, 3), (200, 180, 160), np.uint8)
  return captions.Frame(
    **{'title': 'a', 'episode': 1, 'step': 0, 'picture': picture, **changes}
  )


def _action(x=0.0, gripper=0, terminate=0):
  return {
    'world_vector': np.array([x, 0, 0], np.float32),
    'yaw': np.zeros(1, np.float32),
    'gripper': np.int32(gripper),
    'terminate': np.int32(terminate),
  }


def _draw(**changes):
  return captions.draw(_frame(**changes))


def _count(picture, colour):
  return int(np.all(picture == colour, axis=-1).sum())


def test_the_panel_hides_nothing_of_the_picture():
  frame = _frame(action=_action())
  drawn = captions.draw(frame)
  assert drawn.shape == (captions.HEIGHT, captions.WIDTH, 3)
  np.testing.assert_array_equal(drawn[:240], frame.picture)


@pytest.mark.parametrize(
  'change',
  [
    {'title': 'b'},
    {'episode': 2},
    {'step': 1},
    {'reward': 1.0},
    {'q': 0.5},
    {'action': _action(gripper=1)},
    {'action': _action(terminate=1)},
    {'action': _action(x=0.5)},
  ],
)
def test_everything_said_is_in_the_panel(change):
  base = {'action': _action()}
  assert np.any(_draw(**base)[_PANEL] != _draw(**{**base, **change})[_PANEL])


def test_a_move_fills_its_bar_to_its_side():
  # The bar of x is 32 pixels wide from 8 + 10 on; its middle is at 34.
  def filled(x):
    bar = np.all(_draw(action=_action(x=x))[_PANEL] == _ORANGE, axis=-1)
    return bar[28:37, 18:34].sum(), bar[28:37, 35:50].sum()

  assert filled(1.0)[0] == 0 < filled(1.0)[1]
  assert filled(-1.0)[1] == 0 < filled(-1.0)[0]
  assert filled(0.5)[1] < filled(1.0)[1]


@pytest.mark.parametrize('success, colour', [(True, _GREEN), (False, _RED)])
def test_the_end_is_framed_in_the_colour_of_its_outcome(success, colour):
  drawn = _draw(success=success)
  assert tuple(drawn[1, 160]) == tuple(drawn[120, 1]) == colour
  assert _count(drawn[_PANEL], colour) > 200


def test_what_is_observed_stands_beside_the_picture():
  view = np.full((48, 48, 3), (0, 0, 255), np.uint8)
  drawn = _draw(view=view)
  assert drawn.shape == (captions.HEIGHT, captions.WIDTH + 240, 3)
  assert tuple(drawn[120, 440]) == (0, 0, 255)
  assert all(length % 16 == 0 for length in drawn.shape[:2])


def test_an_arrow_leads_where_it_says():
  drawn = _draw(arrow=((100, 100), (100, 150)))
  assert tuple(drawn[125, 100]) == _ORANGE
  assert _count(drawn[160:240], _ORANGE) == 0


def test_a_picture_of_any_size_fits():
  drawn = _draw(picture=np.full((10, 10, 3), (0, 0, 255), np.uint8))
  assert _count(drawn[:240], (0, 0, 255)) == 240 * 240


def test_parts_of_an_action_may_lack():
  assert _count(_draw(action={})[_PANEL], _ORANGE) == 0


def test_a_sheet_has_a_row_for_each_and_leaves_white_where_one_is_shorter():
  red = np.full((4, 6, 3), (255, 0, 0), np.uint8)
  sheet = captions.contact_sheet([[red, red], [red]])
  # Two rows of 4 + 8, two columns of 6 + 8, and a gap of 8 at the end.
  assert sheet.shape == (2 * 12 + 8, 2 * 14 + 8, 3)
  assert _count(sheet, (255, 0, 0)) == 3 * 4 * 6
  assert np.all(sheet[20:24, 22:28] == 255)
