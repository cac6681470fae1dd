import numpy as np
import pytest
import tensorflow as tf

from awopt_agent.experience import augmentation
from tests import fakes
from tests.experience import pictures

ALL = augmentation.AugmentConfig(
  crop_px=1, brightness=0.2, contrast=0.3, saturation=0.4, hue=0.1
)
COLOURS = augmentation.AugmentConfig(
  brightness=0.2, contrast=0.3, saturation=0.4, hue=0.1
)
CROP = augmentation.AugmentConfig(crop_px=1)
SEED = (3, 4)

NINE = np.arange(9, dtype=np.uint8).reshape(3, 3)
# Every shift of NINE by up to a pixel, its border repeated.
SHIFTED = {
  'down right': [[0, 0, 1], [0, 0, 1], [3, 3, 4]],
  'down': [[0, 1, 2], [0, 1, 2], [3, 4, 5]],
  'down left': [[1, 2, 2], [1, 2, 2], [4, 5, 5]],
  'right': [[0, 0, 1], [3, 3, 4], [6, 6, 7]],
  'not at all': [[0, 1, 2], [3, 4, 5], [6, 7, 8]],
  'left': [[1, 2, 2], [4, 5, 5], [7, 8, 8]],
  'up right': [[3, 3, 4], [6, 6, 7], [6, 6, 7]],
  'up': [[3, 4, 5], [6, 7, 8], [6, 7, 8]],
  'up left': [[4, 5, 5], [7, 8, 8], [7, 8, 8]],
}
TO_NAME = {np.uint8(v).tobytes(): name for name, v in SHIFTED.items()}


def augment(images, config, seed=SEED):
  """Augments `[B, T, H, W, C]` as the only part of an observation."""
  spec = tf.TensorSpec(images.shape[2:], tf.uint8)
  return augmentation.augment(
    tf.constant(images), spec, config, seed=tf.constant(seed)
  ).numpy()


def repeated(image, items, steps):
  """Returns the same image in `[items, steps, H, W, C]`."""
  image = np.asarray(image, np.uint8)
  return np.tile(image, (items, steps, 1, 1, 1))


def shifts_of(images):
  """Returns the names of the shifts of NINE in `[B, T, 3, 3, C]`."""
  return [
    [TO_NAME[image[..., 0].tobytes()] for image in item] for item in images
  ]


def coloured(pixel, *, draws, **most):
  """Changes a pixel by hand-made draws."""
  config = augmentation.AugmentConfig(**most)
  draws = [[draws.get(name, 0.0) for name in augmentation._MOST]]
  images = tf.constant(pixel, tf.uint8)[None, None, None, None]
  maps = augmentation._colour_maps(tf.constant(draws), config)
  return augmentation._change_colours(images, *maps).numpy().ravel().tolist()


# Shifts.


@pytest.mark.parametrize('channels', [1, 3])
def test_a_shift_by_a_pixel_is_one_of_nine(channels):
  image = np.repeat(NINE[..., None], channels, axis=-1)
  out = augment(repeated(image, 300, 1), CROP)
  # The chance that one of nine is missed is 9 (8/9)^300, about 4e-15.
  assert {name for (name,) in shifts_of(out)} == set(SHIFTED)
  np.testing.assert_array_equal(out, np.repeat(out[..., :1], channels, -1))


def test_all_steps_of_an_item_are_shifted_alike_and_items_differently():
  names = shifts_of(augment(repeated(NINE[..., None], 30, 4), CROP))
  assert all(len(set(steps)) == 1 for steps in names)
  assert len({steps[0] for steps in names}) > 1


def test_each_item_and_step_keeps_its_own_picture():
  plain = np.arange(24, dtype=np.uint8).reshape(12, 2)
  images = np.broadcast_to(plain[..., None, None, None], (12, 2, 6, 5, 3))
  config = augmentation.AugmentConfig(crop_px=4)
  np.testing.assert_array_equal(augment(images, config), images)


def test_a_shift_reaches_as_far_as_told_and_no_farther():
  columns = np.broadcast_to(np.arange(20, dtype=np.uint8)[:, None], (20, 20, 1))
  rows_and_columns = np.stack(
    [columns[..., 0], columns[..., 0].T, columns[..., 0]], axis=-1
  )
  config = augmentation.AugmentConfig(crop_px=3)
  out = augment(repeated(rows_and_columns, 400, 1), config).astype(int)
  middle = out[:, 0, 10, 10] - 10  # The shift itself, [row, column, row].
  assert set(middle[:, 0]) == set(middle[:, 1]) == set(range(-3, 4))


# Colours.


@pytest.mark.parametrize(
  ('draw', 'pixel', 'changed'),
  [
    # .2 * 255 = 51.
    (1.0, [100, 0, 200], [151, 51, 251]),
    (-1.0, [100, 60, 200], [49, 9, 149]),
    (0.5, [100, 0, 200], [126, 26, 226]),  # 25.5, rounded up.
    (1.0, [204, 205, 255], [255, 255, 255]),
    (-1.0, [51, 50, 0], [0, 0, 0]),
  ],
)
def test_brightness_is_added_and_clipped(draw, pixel, changed):
  out = coloured(pixel, draws={'brightness': draw}, brightness=0.2)
  # A half may be rounded either way.
  np.testing.assert_allclose(out, changed, atol=draw == 0.5)


@pytest.mark.parametrize(
  ('draw', 'pixel', 'changed'),
  [
    # 127.5 + 1.5 (100 - 127.5) = 86.25; 236.25; 318.75 is clipped.
    (1.0, [100, 200, 255], [86, 236, 255]),
    # 127.5 + .5 (100 - 127.5) = 113.75; 63.75; 191.25.
    (-1.0, [100, 0, 255], [114, 64, 191]),
    (1.0, [0, 10, 127], [0, 0, 127]),  # -63.75 and -48.75; 126.75.
  ],
)
def test_contrast_spreads_channels_about_mid_grey(draw, pixel, changed):
  assert coloured(pixel, draws={'contrast': draw}, contrast=0.5) == changed


# The grey of [200, 100, 50] is .299 200 + .587 100 + .114 50 = 124.2.


@pytest.mark.parametrize(
  ('most', 'draw', 'changed'),
  [
    (1.0, -1.0, [124, 124, 124]),
    # 124.2 + 1.5 * (75.8, -24.2, -74.2).
    (0.5, 1.0, [238, 88, 13]),
    (0.5, 0.0, [200, 100, 50]),
  ],
)
def test_saturation_moves_pixels_from_their_grey(most, draw, changed):
  out = coloured([200, 100, 50], draws={'saturation': draw}, saturation=most)
  assert out == changed


def test_half_a_turn_of_hue_mirrors_a_pixel_at_its_grey():
  out = coloured([200, 100, 50], draws={'hue': 1.0}, hue=0.5)
  assert out == [48, 148, 198]  # 248.4 less the pixel.


def test_a_quarter_turn_of_hue_turns_i_into_q():
  # Red [200, 0, 0] has Y = 59.8, I = 119.18, Q = 42.3. A quarter turn from I
  # to Q takes it to I = -42.3, Q = 119.18; back in RGB by the usual inverse:
  #   R = 59.8 + .956 * -42.3 + .619 * 119.18 = 93.1
  #   G = 59.8 - .272 * -42.3 - .647 * 119.18 = -5.8, clipped
  #   B = 59.8 - 1.106 * -42.3 + 1.703 * 119.18 = 309.5, clipped
  assert coloured([200, 0, 0], draws={'hue': 0.5}, hue=0.5) == [93, 0, 255]


def test_grey_has_neither_hue_nor_saturation():
  draws = {'hue': 0.7, 'saturation': 0.9}
  out = coloured([77, 77, 77], draws=draws, hue=0.5, saturation=1.0)
  assert out == [77, 77, 77]


def test_all_pixels_of_all_steps_of_an_item_are_brightened_alike():
  images = np.full((40, 3, 5, 7, 3), 100, np.uint8)
  images[:, 1] = 150
  config = augmentation.AugmentConfig(brightness=0.2)
  change = augment(images, config).astype(int) - images
  by_item = change[:, 0, 0, 0, 0]
  np.testing.assert_array_equal(
    change, np.broadcast_to(by_item[:, None, None, None, None], change.shape)
  )
  # Of 40 uniform draws in [-51, 51]: none beyond, and most of the range.
  assert by_item.min() >= -51 and by_item.max() <= 51
  assert by_item.min() < -30 and by_item.max() > 30


@pytest.mark.parametrize('items', [1, 7])
def test_items_in_different_groups_keep_their_order(monkeypatch, items):
  images = np.random.default_rng(0).integers(
    0, 256, (items, 2, 4, 5, 3), dtype=np.uint8
  )
  whole = augment(images, COLOURS)
  monkeypatch.setattr(augmentation, '_CACHED_FLOATS', 250)
  np.testing.assert_array_equal(augment(images, COLOURS), whole)


def test_pictures_in_grey_keep_their_shades():
  images = repeated(NINE[..., None], 20, 2)
  np.testing.assert_array_equal(augment(images, COLOURS), images)
  names = shifts_of(augment(images, ALL))  # Shifts, and nothing more.
  assert len({name for name, _ in names}) > 1


# Observations.


MIXED_SPEC = {
  'pose': tf.TensorSpec([4, 4, 3], tf.float32, 'pose'),
  'cameras': (
    tf.TensorSpec([3, 3, 3], tf.uint8, 'left'),
    tf.TensorSpec([3, 3, 3], tf.uint8, 'right'),
  ),
  'depth': tf.TensorSpec([3, 3, 1], tf.uint8, 'depth'),
  'layers': tf.TensorSpec([3, 3, 4], tf.uint8, 'layers'),
  'table': tf.TensorSpec([3, 3], tf.uint8, 'table'),
}


def mixed_observation(items=50, steps=2):
  rng = np.random.default_rng(0)
  values = tf.nest.map_structure(
    lambda part: rng.integers(0, 256, [items, steps, *part.shape]).astype(
      part.dtype.as_numpy_dtype
    ),
    MIXED_SPEC,
  )
  pair = repeated(np.repeat(NINE[..., None], 3, -1), items, steps)
  return {**values, 'cameras': (pair, pair)}


def test_images_are_found_anywhere_and_nothing_else_changes():
  before = mixed_observation()
  after = augmentation.augment(
    tf.nest.map_structure(tf.constant, before),
    MIXED_SPEC,
    ALL,
    seed=tf.constant(SEED),
  )
  tf.nest.assert_same_structure(after, before)
  changed = {'left', 'right', 'depth'}
  for part, old, new in zip(
    *map(tf.nest.flatten, (MIXED_SPEC, before, after)), strict=True
  ):
    assert (new.dtype, new.shape) == (old.dtype, old.shape)
    assert np.array_equal(new, old) == (part.name not in changed), part.name


def test_each_camera_is_shifted_in_its_own_way():
  after = augmentation.augment(
    tf.nest.map_structure(tf.constant, mixed_observation()),
    MIXED_SPEC,
    CROP,
    seed=tf.constant(SEED),
  )
  left, right = (shifts_of(camera.numpy()) for camera in after['cameras'])
  assert left != right


# Data sets.


def dataset(make, spec, config, *, seed=0, steps=5):
  """Returns plain and augmented batches of one episode, again and again."""
  batch = tf.nest.map_structure(
    lambda column: tf.constant(np.stack([column] * 8)), make(steps)
  )
  plain = tf.data.Dataset.from_tensors((batch, ())).repeat(3)
  return plain, augmentation.augment_dataset(plain, spec, config, seed=seed)


def images_of(batches):
  return np.stack(
    [
      experience.trajectory.observation['image']
      for experience, _ in batches.as_numpy_iterator()
    ]
  )


def test_experience_keeps_all_but_its_images():
  plain, augmented = dataset(pictures.make_episode, pictures.step_spec(), ALL)
  assert augmented.element_spec == plain.element_spec
  ((before, _), (after, extra)) = next(
    iter(tf.data.Dataset.zip(plain, augmented).as_numpy_iterator())
  )
  assert extra == ()
  images = [
    experience.trajectory.observation.pop('image')
    for experience in (before, after)
  ]
  assert images[1].dtype == np.uint8
  assert not np.array_equal(*images)
  tf.nest.map_structure(np.testing.assert_array_equal, after, before)


def test_a_seed_fixes_every_batch_and_batches_differ():
  spec = pictures.step_spec()
  first, again, other = (
    images_of(dataset(pictures.make_episode, spec, ALL, seed=seed)[1])
    for seed in (5, 5, 6)
  )
  np.testing.assert_array_equal(first, again)
  assert not np.array_equal(first, other)
  assert not np.array_equal(first[0], first[1])


@pytest.mark.parametrize(
  ('make', 'spec', 'config'),
  [
    (
      pictures.make_episode,
      pictures.step_spec(),
      augmentation.AugmentConfig(),
    ),
    (fakes.make_episode, fakes.step_spec(), ALL),
  ],
  ids=['all off', 'no images'],
)
def test_nothing_to_change_adds_nothing(make, spec, config):
  plain, augmented = dataset(make, spec, config)
  assert augmented is plain


# Refusals.


@pytest.mark.parametrize(
  ('name', 'value'),
  [
    ('crop_px', -1),
    ('crop_px', 1.5),
    ('brightness', -0.1),
    ('brightness', 1.1),
    ('contrast', 1.1),
    ('saturation', -0.1),
    ('hue', 0.6),
  ],
)
def test_a_range_without_meaning_is_refused(name, value):
  with pytest.raises(ValueError, match=f'{name} must be .*{value}'):
    augmentation.AugmentConfig(**{name: value})


def test_a_shift_as_large_as_the_image_is_refused():
  config = augmentation.AugmentConfig(crop_px=16)
  with pytest.raises(ValueError, match=r'crop_px must be smaller .*got 16'):
    dataset(pictures.make_episode, pictures.step_spec(), config)
