import sys

import gin
import numpy as np
import pytest

from awopt_agent.train import captions
from awopt_agent.trials.evidence import films
from tests.train import fakes

imageio = pytest.importorskip('imageio.v2')
pytest.importorskip('PIL')

_BORDERS = {(207, 56, 48), (46, 160, 67)}


@pytest.fixture(autouse=True)
def _clean():
  yield
  gin.clear_config()


@pytest.fixture(name='run', scope='module')
def _run(tmp_path_factory):
  root = tmp_path_factory.mktemp('runs') / 'run'
  for step in (9, 30):
    fakes.make_run(root, step=step)
  return root


def test_both_policies_are_filmed_side_by_side(run, tmp_path):
  path = str(tmp_path / 'a.gif')
  line = films.film(str(run), path, episodes=2, seed=3)
  assert line.startswith(f'{path}: ')
  assert line.endswith('after') and ' of 2 succeeded before practice' in line
  pictures = [picture[..., :3] for picture in imageio.mimread(path)]
  first, last = pictures[0], pictures[-1]
  assert first.shape == (captions.HEIGHT, 2 * captions.WIDTH, 3)
  # The same episode: both begin with the same picture of the scene.
  scene = first[: captions.PICTURE_HEIGHT // 2]
  left, right = np.split(scene, 2, axis=1)
  assert np.mean(left != right) < 0.05
  # Both have ended in the last frame.
  for x in (captions.WIDTH // 2, 3 * captions.WIDTH // 2):
    assert tuple(last[1, x]) in _BORDERS


def test_a_run_with_one_policy_is_refused_with_the_remedy(tmp_path):
  fakes.make_run(tmp_path / 'run')
  with pytest.raises(ValueError, match='1 of the two .*practice_episodes = 0'):
    films.film(str(tmp_path / 'run'), str(tmp_path / 'a.gif'))


def test_where_there_is_no_run_that_is_said(tmp_path, monkeypatch):
  monkeypatch.setattr(sys, 'argv', ['films', str(tmp_path), 'a.mp4'])
  with pytest.raises(SystemExit) as error:
    films.main()
  assert '0 of the two policies' in str(error.value)


def test_bad_usage_ends_with_2(monkeypatch, capsys):
  monkeypatch.setattr(sys, 'argv', ['films', 'a', 'b', '--episodes', '0'])
  with pytest.raises(SystemExit) as error:
    films.main()
  assert error.value.code == 2
  assert 'at least 1' in capsys.readouterr().err
