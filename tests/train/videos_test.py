import sys

import numpy as np
import pytest

from awopt_agent.train import videos
from tests.envs import fakes


def _stay(observation):
  assert observation['x'].shape == (1,)  # No batch.
  return {'move': np.zeros(1, np.float32)}


@pytest.fixture(name='reds')
def _reds(monkeypatch):
  """Collects the red of each frame instead of writing a file."""
  imageio = pytest.importorskip('imageio.v2')
  found = []
  monkeypatch.setattr(
    imageio,
    'mimwrite',
    lambda path, frames, fps: found.extend(int(f[0, 0, 0]) for f in frames),
  )
  return found


def test_every_step_is_a_frame_and_the_last_one_stays(reds, tmp_path):
  videos.record(fakes.EvenEnv(), _stay, str(tmp_path / 'a.gif'), episodes=2)
  # Episodes of two and three steps; red is 50 times the number of the step.
  assert reds == [0, 50, 100, *[100] * 4, 0, 50, 100, 150, *[150] * 4]


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
