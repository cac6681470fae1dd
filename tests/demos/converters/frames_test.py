import imageio.v2 as imageio
import numpy as np
import pytest

from awopt_agent.demos.converters import frames


@pytest.fixture(name='path', scope='module')
def _path(tmp_path_factory):
  """A video of 12 frames, each of one grey: 0, 20, 40 and so on."""
  path = str(tmp_path_factory.mktemp('videos') / 'a.mp4')
  with imageio.get_writer(path, fps=10) as writer:
    for frame in range(12):
      writer.append_data(np.full((32, 48, 3), 20 * frame, np.uint8))
  return path


def shades(pictures):
  # Videos lose a little.
  return np.round(pictures.mean(axis=(1, 2, 3)) / 20).astype(int).tolist()


def test_ranges_are_read_in_order(path):
  reader = frames.FrameReader()
  first = reader.read(path, 0, 4)
  assert first.shape == (4, 32, 48, 3)
  assert first.dtype == np.uint8
  assert shades(first) == [0, 1, 2, 3]
  assert shades(reader.read(path, 6, 6)) == [6, 7, 8, 9, 10, 11]
  assert shades(reader.read(path, 2, 1)) == [2]  # Opens it again.
  reader.close()


def test_a_video_that_is_too_short_is_named(path):
  with pytest.raises(ValueError, match=f'{path} has 12 frames, not 13'):
    frames.FrameReader().read(path, 10, 3)


def test_what_is_no_video_is_refused(tmp_path):
  (tmp_path / 'a.mp4').write_text('version https://git-lfs.github.com')
  with pytest.raises((OSError, RuntimeError)):
    frames.FrameReader().read(str(tmp_path / 'a.mp4'), 0, 1)
