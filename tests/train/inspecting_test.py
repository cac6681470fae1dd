import json
import types

import gin
import pytest

from awopt_agent.demos import writer
from awopt_agent.train import config, inspecting
from tests.demos import fakes


@pytest.fixture(name='folder', scope='module')
def _folder(tmp_path_factory):
  """Splits of 3 and 2 episodes; an episode of one stands in the other."""
  folder = str(tmp_path_factory.mktemp('sets') / 'small_demos')
  episodes = [fakes.make_episode(2 + k, seed=k) for k in range(3)]
  writer.write_episodes(episodes, folder, **fakes.SPECS)
  other = [fakes.make_episode(7, seed=9), episodes[1]]
  writer.write_episodes(
    other, folder, split='val', version='2.0.0', **fakes.SPECS
  )
  return folder


@pytest.fixture(autouse=True)
def _clear():
  yield
  gin.clear_config()


def _flags(source, **kwargs):
  return types.SimpleNamespace(
    **{'source': source, 'split': 'train', 'html': None, 'json': None, **kwargs}
  )


def test_inspect_prints_a_table_and_writes_a_page(folder, tmp_path):
  path = tmp_path / 'new' / 'page.html'
  text = inspecting.inspect(_flags(f'{folder}/1.0.0', html=str(path)))
  assert text.startswith('episodes  3, 9 transitions')
  # Clocks of 3, 4 and 5 rows: three of 0, 1 and 2, two of 3, one of 4.
  (row,) = [x for x in text.splitlines() if x.startswith('observation/clock')]
  assert row.split()[3:] == ['0', '4', '█', '█', '█', '▆', '▃']
  assert row.split()[5] == '█'
  page = path.read_text()
  assert '1.0.0 train</h1>' in page
  assert page.count('<h3>') == 3


def test_the_mapping_decides_what_succeeds(folder):
  config.load([], ["Mapping.success = 'observation/clock >= 3'"])
  text = inspecting.inspect(_flags(f'{folder}/1.0.0'))
  assert 'success   2 of 3' in text


def test_validate_reads_every_split_unless_told(folder, tmp_path):
  path = tmp_path / 'found.json'
  text = inspecting.validate(
    _flags(f'{folder}/2.0.0', split=None, json=str(path))
  )
  assert text.splitlines()[0].startswith('val: 2 episodes')
  assert text.endswith('2.0.0: fit')
  assert json.loads(path.read_text())['ok']


def test_validate_tells_what_would_spoil_training(folder, capsys):
  config.load([], ["Mapping.success = 'observation/clock > 99'"])
  with pytest.raises(SystemExit) as ended:
    inspecting.validate(_flags(folder, split=['val[:1]']))
  text = capsys.readouterr().out
  assert ended.value.code == 1
  assert 'no episode succeeds' in text
  assert text.endswith('not fit to train on\n')
