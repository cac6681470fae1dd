import sys

import numpy as np
import pytest

from awopt_agent.train import canvas as canvas_lib

pytest.importorskip('PIL')

_BLACK, _RED, _BLUE = (0, 0, 0), (255, 0, 0), (0, 0, 255)


@pytest.fixture(name='canvas')
def _canvas():
  return canvas_lib.Canvas(40, 30, _BLACK)


def _where(canvas, colour):
  """Returns least and greatest x, then y, of a colour."""
  rows, columns = np.nonzero(np.all(canvas.array() == colour, axis=-1))
  return columns.min(), columns.max(), rows.min(), rows.max()


def test_has_its_size_and_colour():
  array = canvas_lib.Canvas(40, 30, _RED).array()
  assert (array.shape, array.dtype) == ((30, 40, 3), np.uint8)
  assert np.all(array == _RED)


def test_a_pasted_picture_keeps_its_shape_and_its_pixels(canvas):
  # 2 x 1 pixels fill 20 of 30 rows' width: 20 x 10, in the middle of 20 x 30.
  canvas.paste(np.array([[_RED, _BLUE]], np.uint8), 10, 0, 20, 30)
  assert _where(canvas, _RED) == (10, 19, 10, 19)
  assert _where(canvas, _BLUE) == (20, 29, 10, 19)


def test_text_ends_where_it_is_anchored(canvas):
  canvas.text((38, 15), 'ab', _RED, anchor='rm')
  rows, columns = np.nonzero(canvas.array()[..., 0] > 60)
  assert columns.min() > 15
  assert 30 < columns.max() <= 38
  assert 8 < rows.min() < 15 < rows.max() < 22


def test_shapes_are_where_they_should(canvas):
  canvas.box((5, 10), (15, 20), fill=_RED)
  assert _where(canvas, _RED) == (5, 14, 10, 19)
  canvas.disc((30, 15), 5, _BLUE)
  left, right, top, bottom = _where(canvas, _BLUE)
  assert (left, right, top, bottom) == (pytest.approx((25, 35, 10, 20), abs=1))


def test_an_arrow_has_its_head_at_its_end(canvas):
  canvas.arrow((5, 15), (35, 15), _RED, _BLUE)
  red = np.all(canvas.array() == _RED, axis=-1).sum(axis=0)
  assert red[30] > red[10] > 0
  assert red[36:].sum() == red[:4].sum() == 0


def test_an_arrow_without_length_is_not_drawn(canvas):
  canvas.arrow((5, 15), (5, 15), _RED, _BLUE)
  assert not canvas.array().any()


def test_without_pillow_one_line_tells_the_remedy(monkeypatch):
  monkeypatch.setitem(sys.modules, 'PIL', None)
  with pytest.raises(ValueError, match='pillow.*pip install') as raised:
    canvas_lib.Canvas(4, 3, _RED)
  assert len(str(raised.value).splitlines()) == 1
