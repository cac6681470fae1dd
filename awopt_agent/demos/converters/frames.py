"""Reads the frames of videos, in order."""

from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ['FrameReader']

_CHANNELS = 3


class FrameReader:
  """Reads ranges of frames of one video after the other, without seeking.

  Seeking by time may be off by a frame; whoever reads episodes in order never
  has to.
  """

  def __init__(self):
    self._path: str | None = None
    self._frames: Iterator[np.ndarray] = iter(())
    self._next = 0

  def read(self, path: str, start: int, count: int) -> np.ndarray:
    """Decodes frames.

    Args:
      path: The video.
      start: Number of the first frame; one before those read last opens the
        video again.
      count: How many.

    Returns:
      `[count, height, width, 3]`, uint8.

    Raises:
      ImportError: If the extra `video` is not installed.
      ValueError: If the video has fewer frames.
      OSError: If it cannot be decoded.
    """
    if path != self._path or start < self._next:
      self.close()
      self._path, self._frames, self._next = path, _decode(path), 0
    found = []
    while self._next < start + count:
      frame = next(self._frames, None)
      if frame is None:
        raise ValueError(f'{path} has {self._next} frames, not {start + count}')
      if self._next >= start:
        found.append(frame)
      self._next += 1
    return np.stack(found)

  def close(self) -> None:
    """Ends the decoder."""
    frames: Any = self._frames
    self._path, self._frames = None, iter(())
    if hasattr(frames, 'close'):
      frames.close()


def _decode(path: str) -> Iterator[np.ndarray]:
  import imageio_ffmpeg  # An extra, that only videos need.

  # Every stored frame once, whatever its time.
  stream = imageio_ffmpeg.read_frames(
    path, pix_fmt='rgb24', output_params=['-fps_mode', 'passthrough']
  )
  width, height = next(stream)['size']
  for data in stream:
    yield np.frombuffer(data, np.uint8).reshape(height, width, _CHANNELS)
