import importlib

from awopt_agent.demos import reader, writer
from tests.demos import fakes

_BUILDER = '''
import tensorflow_datasets as tfds
from awopt_agent.demos import recorded


class Builder(recorded.RecordedBuilder):
  """Moves of a number."""

  VERSION = tfds.core.Version('1.0.0')
  RELEASE_NOTES = {'1.0.0': 'First recording.'}
'''


def test_a_copy_holds_the_same_episodes_in_the_same_order(
  tmp_path, monkeypatch
):
  folder = tmp_path / 'own_moves'
  episodes = [fakes.make_episode(length) for length in (2, 4, 3)]
  writer.write_episodes(episodes, str(folder), **fakes.SPECS)
  (folder / 'own_moves_dataset_builder.py').write_text(_BUILDER)
  monkeypatch.syspath_prepend(str(folder))
  module = importlib.import_module('own_moves_dataset_builder')
  copy = module.Builder(data_dir=str(tmp_path / 'copies'))
  assert copy.name == 'own_moves'
  assert copy.info.description == 'Moves of a number.'
  copy.download_and_prepare()
  recorded = list(reader.read_episodes(str(folder)))
  copied = list(reader.read_episodes(str(tmp_path / 'copies' / 'own_moves')))
  assert [episode.length for episode in copied] == [2, 4, 3]
  for left, right in zip(recorded, copied, strict=True):
    fakes.assert_same(left, right)
