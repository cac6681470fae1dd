"""A picture to draw on; the only module that meets pillow."""

from typing import Any

import numpy as np

__all__ = ['Canvas', 'Colour', 'Point']

Colour = tuple[int, int, int]
Point = tuple[float, float]

# Shapes are drawn larger, and then shrunk: pillow does not smooth edges.
_OVERSAMPLING = 3
_HEAD_PX = 6.0


class Canvas:
  """An RGB picture; lengths and positions are in its pixels, y downwards."""

  def __init__(self, width: int, height: int, colour: Colour):
    """Fills the picture with a colour.

    Raises:
      ValueError: If pillow is not installed.
    """
    self._pillow = _import_pillow()
    image, draw, _ = self._pillow
    size = (width * _OVERSAMPLING, height * _OVERSAMPLING)
    self._size = (width, height)
    self._image = image.new('RGB', size, colour)
    self._draw = draw.Draw(self._image)

  def paste(
    self, picture: np.ndarray, left: int, top: int, width: int, height: int
  ) -> None:
    """Puts a picture `[h, w, 3]` uint8 into a box, as large as it fits."""
    image, _, _ = self._pillow
    share = min(width / picture.shape[1], height / picture.shape[0])
    size = [round(share * length) for length in picture.shape[1::-1]]
    gaps = ((width - size[0]) // 2, (height - size[1]) // 2)
    spot = (left + gaps[0], top + gaps[1])
    # Pixels of small pictures stay squares, as the policy has them.
    enlarged = image.fromarray(np.asarray(picture, np.uint8)).resize(
      [length * _OVERSAMPLING for length in size], image.Resampling.NEAREST
    )
    self._image.paste(enlarged, tuple(map(int, _scaled(spot))))

  def text(
    self,
    point: Point,
    text: str,
    colour: Colour,
    *,
    size: int = 12,
    anchor: str = 'lm',
  ) -> None:
    """Writes a line; `anchor` is pillow's: left, middle or right, and middle.

    Args:
      point: Of the anchor.
      text: One line.
      colour: Of the letters.
      size: Of the letters, pixels.
      anchor: Such as 'lm', left and vertically in the middle.
    """
    _, _, font = self._pillow
    self._draw.text(
      _scaled(point),
      text,
      fill=colour,
      font=font.load_default(size * _OVERSAMPLING),
      anchor=anchor,
    )

  def box(
    self,
    corner: Point,
    opposite: Point,
    *,
    fill: Colour | None = None,
    outline: Colour | None = None,
    line_width: int = 1,
    radius: float = 0.0,
  ) -> None:
    """Draws a rectangle from its upper left corner to its lower right one."""
    self._draw.rounded_rectangle(
      [*_scaled(corner), *_scaled(opposite)],
      radius=radius * _OVERSAMPLING,
      fill=fill,
      outline=outline,
      width=line_width * _OVERSAMPLING,
    )

  def disc(
    self,
    middle: Point,
    radius: float,
    colour: Colour,
    outline: Colour | None = None,
  ) -> None:
    """Draws a filled circle."""
    x, y = middle
    self._draw.ellipse(
      _scaled((x - radius, y - radius, x + radius, y + radius)),
      fill=colour,
      outline=outline,
      width=_OVERSAMPLING,
    )

  def line(
    self, start: Point, end: Point, colour: Colour, width: float = 1.0
  ) -> None:
    """Draws a straight line."""
    self._draw.line(
      [*_scaled(start), *_scaled(end)],
      fill=colour,
      width=round(width * _OVERSAMPLING),
    )

  def arrow(
    self, start: Point, end: Point, colour: Colour, rim: Colour
  ) -> None:
    """Draws an arrow with a rim, which stands out on any ground."""
    way = np.subtract(end, start)
    length = float(np.linalg.norm(way))
    if length < 1:  # Shorter than a pixel it has no direction.
      return
    along = way / length
    head = min(_HEAD_PX, length)
    for colour_, extra in ((rim, 1.5), (colour, 0.0)):
      neck = end - along * head
      across = np.array([-along[1], along[0]]) * (head * 0.7 + extra)
      tip = end + along * 1.5 * extra
      self.line(start, tuple(neck), colour_, 2.5 + 2 * extra)
      back = neck - along * extra
      corners = [tip, back + across, back - across]
      self._draw.polygon(
        [tuple(_scaled(corner)) for corner in corners], fill=colour_
      )

  def array(self) -> np.ndarray:
    """Returns the picture, uint8 `[height, width, 3]`."""
    image, _, _ = self._pillow
    return np.array(self._image.resize(self._size, image.Resampling.BOX))


def _scaled(numbers) -> list[float]:
  return [float(number) * _OVERSAMPLING for number in numbers]


def _import_pillow() -> tuple[Any, Any, Any]:
  try:
    from PIL import Image, ImageDraw, ImageFont
  except ImportError as error:
    raise ValueError(
      'drawing needs pillow; install it with: pip install "awopt-agent[video]".'
    ) from error
  return Image, ImageDraw, ImageFont
