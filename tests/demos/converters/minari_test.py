import io
import json

import h5py
import numpy as np
import pytest
from PIL import Image

from awopt_agent.demos import reader, schema, writer
from awopt_agent.demos.converters import minari
from tests.demos.converters import fakes


def episode(name, length=2, *, terminated=True, **changes):
  """Steps 0, 1, ..: the last of `length` + 1 observations ends it."""
  rows = np.arange(length + 1)
  ended = np.arange(length) == length - 1
  parts = {
    'observations/pose': rows[:, None] / 2,
    'observations/both/_index_0': rows,
    'actions': np.arange(length) % 2,
    'rewards': np.arange(length) / 4,
    'terminations': ended & terminated,
    'truncations': ended & (not terminated),
    'infos/energy': rows * 3.0,
  }
  parts |= changes
  return {
    f'{name}/{part}': values
    for part, values in parts.items()
    if values is not None
  }


def save(tmp_path, *episodes, about=None):
  contents = {}
  for part in episodes:
    contents |= part
  fakes.write_hdf5(
    tmp_path / 'set' / 'data' / 'main_data.hdf5',
    contents,
    {'episode_0': {'id': 0, 'seed': 42, 'options/speed': 3}},
  )
  fakes.write_json(
    tmp_path / 'set' / 'data' / 'metadata.json',
    {'data_format': 'hdf5', 'total_episodes': len(episodes), **(about or {})},
  )
  return str(tmp_path / 'set')


def jpeg(value):
  stream = io.BytesIO()
  picture = np.full((8, 8, 3), value, np.uint8)
  picture[2:5, 3:] = [255 - value, 10, 90]
  Image.fromarray(picture).save(stream, format='JPEG')
  encoded = stream.getvalue()
  return encoded, np.asarray(Image.open(io.BytesIO(encoded)))


def test_every_observation_is_kept_and_rows_are_aligned(tmp_path):
  (found,) = minari.read(save(tmp_path, episode('episode_0')))
  steps = found.steps
  assert steps['observation']['pose'].tolist() == [[0], [0.5], [1]]
  assert steps['observation']['both']['_index_0'].tolist() == [0, 1, 2]
  assert steps['action'].tolist() == [0, 1, 0]
  assert steps['action'].dtype == np.int64
  assert steps['reward'].tolist() == [0, 0.25, 0]
  assert steps['discount'].tolist() == [1, 0, 0]
  assert steps['is_terminal'].tolist() == [False, False, True]
  assert steps['infos']['energy'].tolist() == [0, 3, 6]
  assert found.metadata['seed'] == 42
  assert json.loads(found.metadata['attributes']) == {'options/speed': 3}


def test_a_truncation_is_not_terminal_and_loses_nothing(tmp_path):
  (found,) = minari.read(save(tmp_path, episode('episode_0', terminated=False)))
  assert found.num_steps == 3
  assert found.steps['discount'].tolist() == [1, 1, 1]
  assert not found.steps['is_terminal'].any()


def test_episodes_come_by_their_numbers(tmp_path):
  path = save(tmp_path, *(episode(f'episode_{k}', k + 1) for k in range(11)))
  lengths = [found.num_steps - 1 for found in minari.read(path)]
  assert lengths == list(range(1, 12))
  (seed, *rest) = [found.metadata['seed'] for found in minari.read(path)]
  assert seed == 42 and set(rest) == {-1}


def test_folder_inner_folder_and_file_are_all_found(tmp_path):
  path = save(tmp_path, episode('episode_0'))
  for name in (path, f'{path}/data', f'{path}/data/main_data.hdf5'):
    assert minari.fits(name)
    assert len(list(minari.read(name))) == 1
  assert not minari.fits(str(tmp_path))


def test_pictures_stored_as_jpeg_are_decoded_as_minari_does(tmp_path):
  encoded, decoded = zip(*(jpeg(value) for value in (0, 100, 200)), strict=True)
  path = save(tmp_path, episode('episode_0'))
  with h5py.File(f'{path}/data/main_data.hdf5', 'a') as file:
    file['episode_0/observations'].create_dataset(
      'view', (3,), h5py.vlen_dtype(np.uint8)
    )
    for row, data in enumerate(encoded):
      file['episode_0/observations/view'][row] = np.frombuffer(data, np.uint8)
  (found,) = minari.read(path)
  np.testing.assert_array_equal(
    found.steps['observation']['view'], np.stack(decoded)
  )


def test_bytes_stay_bytes_where_the_set_has_no_jpeg(tmp_path):
  values = np.tile(np.array([255, 216, 255, 1], np.uint8), (3, 1))
  part = episode('episode_0', **{'observations/view': values})
  path = save(tmp_path, part, about={'jpeg_encoding': False})
  (found,) = minari.read(path)
  assert found.steps['observation']['view'].tolist() == values.tolist()


def test_a_set_of_it_is_written_and_read(tmp_path):
  path = save(tmp_path, episode('episode_0'), episode('episode_1', 5))
  folder = writer.write_stored(minari.read(path), str(tmp_path / 'toy_demos'))
  lengths = [found.length for found in reader.read_episodes(folder)]
  assert lengths == [2, 5]


@pytest.mark.parametrize(
  'parts, message',
  [
    ({'terminations': None}, "has no 'terminations'"),
    (
      {'observations/pose': np.zeros((2, 1))},
      r'pose has shape \[2, 1\].*need 3',
    ),
    ({'actions': np.zeros(3)}, 'observation/both/_index_0 has 2 rows'),
    ({'rewards': np.zeros(1)}, 'infos/energy has shape'),
    ({'terminations': [True, False]}, 'terminations is set at step 0 of 2'),
    ({'infos/energy': np.zeros(1)}, 'infos/energy has shape.*skip_infos'),
  ],
)
def test_a_bad_episode_is_named_and_reading_goes_on(tmp_path, parts, message):
  bad = episode('episode_1', **parts)
  path = save(tmp_path, episode('episode_0'), bad, episode('episode_2'))
  episodes = minari.read(path)
  next(episodes)
  with pytest.raises(
    schema.BadEpisodeError, match=f'{path}: episode_1: .*{message}'
  ) as raised:
    next(episodes)
  assert len(str(raised.value).splitlines()) == 1
  assert next(episodes).metadata['name'] == 'episode_2'


def test_infos_can_be_left_out(tmp_path):
  path = save(tmp_path, episode('episode_0', **{'infos/energy': np.zeros(1)}))
  (found,) = minari.read(path, skip_infos=True)
  assert 'infos' not in found.steps


@pytest.mark.parametrize(
  'about, message',
  [
    ({'data_format': 'arrow'}, 'stored as arrow.*data_format='),
    ({'total_episodes': 3}, 'holds 1 episodes, but.*says 3'),
  ],
)
def test_a_set_that_is_not_whole_or_of_another_kind_is_refused(
  tmp_path, about, message
):
  path = save(tmp_path, episode('episode_0'), about=about)
  assert minari.fits(path)
  with pytest.raises(ValueError, match=message):
    next(minari.read(path))
