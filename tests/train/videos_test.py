import sys

import numpy as np
import pytest

from awopt_agent.train import videos
from tests.envs import fakes


def _stay(observation):
  assert observation['x'].shape == (1,)  # No batch.
  return {'move': np.zeros(1, np.float32)}


def _reds(path):
  """Returns the red of each frame of a GIF."""
  pytest.importorskip('imageio')
  from PIL import Image, ImageSequence

  reds = []
  with Image.open(path) as image:
    for frame in ImageSequence.Iterator(image):
      # Pillow makes one long frame, of n fifths of a second, of n equal ones.
      count = round(frame.info['duration'] / 200)
      reds += [frame.convert('RGB').getpixel((0, 0))[0]] * count
  return reds


def _paint(*reds):
  return (np.full((16, 32, 3), [red, 0, 0], np.uint8) for red in reds)


def test_every_step_is_a_frame_and_the_last_one_stays(tmp_path):
  path = str(tmp_path / 'a.gif')
  videos.record(fakes.EvenEnv(), _stay, path, episodes=2)
  # Episodes of two and three steps; red is 50 times the number of the step.
  assert _reds(path) == [0, 50, 100, *[100] * 4, 0, 50, 100, 150, *[150] * 4]


@pytest.mark.parametrize('format', ['gif', 'mp4'])
def test_the_file_can_be_read_again(tmp_path, format):
  imageio = pytest.importorskip('imageio.v2')
  if format == 'mp4':
    pytest.importorskip('imageio_ffmpeg')
  path = str(tmp_path / 'new' / f'a.{format}')
  assert videos.record(fakes.EvenEnv(), _stay, path, episodes=1) == path
  frames = imageio.mimread(path)
  assert len(frames) >= 3
  assert frames[0].shape[2] in (3, 4)


def test_without_the_library_one_line_tells_the_remedy(monkeypatch, tmp_path):
  monkeypatch.setitem(sys.modules, 'imageio.v2', None)
  with pytest.raises(ValueError, match='pip install') as raised:
    videos.record(fakes.EvenEnv(), _stay, str(tmp_path / 'a.gif'), episodes=1)
  assert len(str(raised.value).splitlines()) == 1
  assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
  pytest.importorskip('imageio')
  (tmp_path / 'file').write_text('')
  with pytest.raises(OSError):
    videos.record(
      fakes.EvenEnv(), _stay, str(tmp_path / 'file' / 'a.gif'), episodes=1
    )


def test_a_picture_is_a_single_frame(tmp_path):
  path = str(tmp_path / 'a.PNG')
  assert videos.write(path, _paint(7)) == path
  imageio = pytest.importorskip('imageio.v2')
  np.testing.assert_array_equal(imageio.imread(path), next(_paint(7)))


def test_replaces_an_older_file(tmp_path):
  path = str(tmp_path / 'a.gif')
  videos.write(path, _paint(0, 50))
  videos.write(path, _paint(100, 150, 200))
  assert _reds(path) == [100, 150, 200]


def test_an_error_leaves_the_older_file_and_nothing_else(tmp_path):
  def broken():
    yield from _paint(100)
    raise ValueError('no more')

  path = str(tmp_path / 'a.gif')
  videos.write(path, _paint(0, 50))
  with pytest.raises(ValueError, match='no more'):
    videos.write(path, broken())
  assert _reds(path) == [0, 50]
  assert [item.name for item in tmp_path.iterdir()] == ['a.gif']


@pytest.mark.parametrize('name', ['a.avi', 'a', '.gif/a'])
def test_another_ending_is_refused_before_anything_is_done(tmp_path, name):
  with pytest.raises(ValueError, match='.mp4, .gif, .png'):
    videos.write(str(tmp_path / name), _paint(0))
  assert list(tmp_path.iterdir()) == []


def test_mp4_needs_a_library_more(monkeypatch, tmp_path):
  pytest.importorskip('imageio')
  monkeypatch.setitem(sys.modules, 'imageio_ffmpeg', None)
  with pytest.raises(ValueError, match='imageio_ffmpeg; install it'):
    videos.write(str(tmp_path / 'a.mp4'), _paint(0))
  videos.write(str(tmp_path / 'a.gif'), _paint(0))
