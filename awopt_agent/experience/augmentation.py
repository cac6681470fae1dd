"""Random shifts and colours for the images of a batch, which stay uint8.

Whole batches are augmented: a map over items costs more than the replay. The
times below are of batches of 128 items of 4 steps of 64 px, on one core.
"""

import dataclasses
import math
from typing import Any

import gin
import numpy as np
import tensorflow as tf

from awopt_agent import structs

__all__ = ['AugmentConfig', 'augment', 'augment_dataset']

# Rec. 601: luma, and the two axes of the colour plane.
_RGB_TO_YIQ = np.array(
  [
    [0.299, 0.587, 0.114],
    [0.5959, -0.2746, -0.3213],
    [0.2115, -0.5227, 0.3112],
  ],
  np.float32,
)
_YIQ_TO_RGB = np.linalg.inv(_RGB_TO_YIQ)
_MID_GREY = 127.5

# Pixels in a row of the colour product: products of 3 by 3 matrices leave the
# vector units idle, and take half as long again.
_PIXELS_A_ROW = 4
# Floats in work at a time: so many stay in the cache, which saves a third.
_CACHED_FLOATS = 2**19


@gin.configurable
@dataclasses.dataclass(frozen=True)
class AugmentConfig:
  """How far the images of a batch are changed at random; 0 is not at all.

  Deviates from QT-Opt (arXiv:1806.10293), which crops 472 of 512 px: here an
  image keeps its size, so that networks see the same at training and at work.

  Attributes:
    crop_px: Largest shift, pixels, up, down, left and right; the border's
      pixels are repeated (DrQ, arXiv:2004.13649, which takes 4 at 84 px).
    brightness: Largest change of all channels, as a share of 255.
    contrast: Largest change of the factor 1 by which channels differ from mid
      grey. Not from the image's mean, as in `tf.image`: finding it takes as
      long as all the rest.
    saturation: Largest change of the factor 1 by which pixels differ from
      their own grey.
    hue: Largest turn of the colours about the grey axis of YIQ, as a share of
      the full circle.
  """

  crop_px: int = 0
  brightness: float = 0.0
  contrast: float = 0.0
  saturation: float = 0.0
  hue: float = 0.0

  def __post_init__(self):
    if not isinstance(self.crop_px, int) or self.crop_px < 0:
      raise ValueError(
        f'AugmentConfig.crop_px must be an int >= 0, got {self.crop_px!r}.'
      )
    for name, most in _MOST.items():
      value = getattr(self, name)
      if not 0 <= value <= most:
        raise ValueError(
          f'AugmentConfig.{name} must be in [0, {most}], got {value}.'
        )

  @property
  def changes_colours(self) -> bool:
    """Whether anything but the place of pixels changes."""
    return any(getattr(self, name) for name in _MOST)


_MOST = {'brightness': 1.0, 'contrast': 1.0, 'saturation': 1.0, 'hue': 0.5}


def augment_dataset(
  batches: tf.data.Dataset,
  step_spec: structs.Experience,
  config: AugmentConfig,
  *,
  seed: int,
) -> tf.data.Dataset:
  """Augments the observations of each batch; all else stays as it is.

  Args:
    batches: Of `(Experience [B, T, ...], extra)`, of known shapes.
    step_spec: Specs of one step.
    config: How far.
    seed: Of all chance; batch i has the seed `(seed, i)`.

  Returns:
    Such a data set; `batches` itself where there is nothing to change.

  Raises:
    ValueError: If an image is too small for `config.crop_px`.
  """
  spec = step_spec.trajectory.observation
  if not any(_is_changed(part, config) for part in tf.nest.flatten(spec)):
    return batches

  def change(index, batch):
    experience, extra = batch
    trajectory = experience.trajectory
    observation = augment(
      trajectory.observation, spec, config, seed=tf.stack([seed, index])
    )
    trajectory = trajectory._replace(observation=observation)
    return experience._replace(trajectory=trajectory), extra

  return batches.enumerate().map(change)


def augment(
  observation: Any, spec: Any, config: AugmentConfig, *, seed: tf.Tensor
) -> Any:
  """Augments the images of an observation.

  An image is a part whose spec is uint8 `[H, W, 3]` or `[H, W, 1]`; colours
  are changed in the former alone. All steps of an item are changed alike,
  since one camera saw them; items, and cameras, each in their own way.

  Args:
    observation: Nest of tensors `[B, T, ...]` of known shapes.
    spec: Nest of the specs of one step.
    config: How far.
    seed: Integer `[2]`.

  Returns:
    The nest, of the same types and shapes.

  Raises:
    ValueError: If an image is too small for `config.crop_px`.
  """
  tf.nest.assert_same_structure(spec, observation)
  parts = tf.nest.flatten(observation)
  for index, part in enumerate(tf.nest.flatten(spec)):
    if _is_changed(part, config):
      part_seed = tf.random.experimental.stateless_fold_in(seed, index)
      parts[index] = _augment_images(parts[index], config, part_seed)
  return tf.nest.pack_sequence_as(observation, parts)


def _is_changed(part: Any, config: AugmentConfig) -> bool:
  shape = part.shape
  if part.dtype != tf.uint8 or len(shape) != 3 or shape[-1] not in (1, 3):
    return False
  if config.crop_px >= min(shape[:2]):
    raise ValueError(
      f'AugmentConfig.crop_px must be smaller than the image {part.name} of '
      f'shape {tuple(shape)}, got {config.crop_px}.'
    )
  return config.crop_px > 0 or (shape[-1] == 3 and config.changes_colours)


def _augment_images(images, config: AugmentConfig, seed: tf.Tensor):
  """Augments `[B, T, H, W, C]`."""
  crop_seed, colour_seed = tf.unstack(
    tf.random.experimental.stateless_split(seed, 2)
  )
  count, most = images.shape[0], config.crop_px
  if most:
    shifts = tf.random.stateless_uniform(
      [count, 2], crop_seed, -most, most + 1, tf.int32
    )
    images = _shift_rows(images, shifts[:, 0])
    images = _shift_columns(images, shifts[:, 1], most)
  if config.changes_colours and images.shape[-1] == 3:
    draws = tf.random.stateless_uniform([count, len(_MOST)], colour_seed, -1, 1)
    images = _change_colours(images, *_colour_maps(draws, config))
  return images


def _shift_rows(images, shifts):
  """Takes row y from row `y + shift`, or the nearest there is."""
  height = images.shape[2]
  rows = tf.range(height) + shifts[:, tf.newaxis]
  rows = tf.clip_by_value(rows, 0, height - 1)
  return tf.gather(images, rows, axis=2, batch_dims=1)


def _shift_columns(images, shifts, most: int):
  """Takes column x from column `x + shift`, or the nearest there is.

  To gather them would copy pixel by pixel (15 ms). Items of the same shift
  are sliced together instead (5 ms).
  """
  count, width = images.shape[0], images.shape[3]
  left, right = (
    tf.repeat(border, most, axis=3)
    for border in (images[:, :, :, :1], images[:, :, :, -1:])
  )
  padded = tf.concat([left, images, right], axis=3)
  groups = tf.dynamic_partition(tf.range(count), shifts + most, 2 * most + 1)
  shifted = [
    tf.gather(padded, group)[:, :, :, start : start + width]
    for start, group in enumerate(groups)
  ]
  places = tf.math.invert_permutation(tf.concat(groups, axis=0))
  return tf.ensure_shape(
    tf.gather(tf.concat(shifted, axis=0), places), images.shape
  )


def _colour_maps(draws, config: AugmentConfig):
  """Turns draws into maps `rgb @ matrix + offset`.

  Args:
    draws: `[B, 4]` in [-1, 1], in the order of `_MOST`.
    config: How far.

  Returns:
    Matrices `[B, 3, 3]` and offsets `[B]`, of channels in [0, 255].
  """
  most = tf.constant([getattr(config, name) for name in _MOST])
  brightness, contrast, saturation, hue = tf.unstack(draws * most, axis=1)
  along = (1 + saturation) * tf.cos(2 * math.pi * hue)
  across = (1 + saturation) * tf.sin(2 * math.pi * hue)
  one, zero = tf.ones_like(hue), tf.zeros_like(hue)
  turn = tf.reshape(
    tf.stack(
      [one, zero, zero, zero, along, across, zero, -across, along], axis=1
    ),
    [-1, 3, 3],
  )
  matrices = tf.matmul(tf.matmul(_RGB_TO_YIQ.T, turn), _YIQ_TO_RGB.T)
  offsets = 255 * brightness - _MID_GREY * contrast
  return (1 + contrast)[:, tf.newaxis, tf.newaxis] * matrices, offsets


def _change_colours(images, matrices, offsets):
  """Maps `[B, T, H, W, 3]`, rounds, and clips to [0, 255]."""
  count, values = images.shape[0], math.prod(images.shape[1:])
  pixels = math.gcd(_PIXELS_A_ROW, values // 3)
  rows = tf.reshape(images, [count, -1, 3 * pixels])
  blocks = tf.reshape(
    tf.einsum('pq,bij->bpiqj', tf.eye(pixels), matrices),
    [count, 3 * pixels, 3 * pixels],
  )
  # The cast cuts digits off, which rounds what is half a step higher.
  offsets = tf.reshape(offsets + 0.5, [count, 1, 1])
  groups = min(count, math.ceil(count * values / _CACHED_FLOATS))
  sizes = [len(part) for part in np.array_split(np.arange(count), groups)]
  changed = [
    tf.matmul(tf.cast(part, tf.float32), block) + offset
    for part, block, offset in zip(
      *(tf.split(whole, sizes) for whole in (rows, blocks, offsets)),
      strict=True,
    )
  ]
  whole = [tf.cast(tf.clip_by_value(x, 0, 255), tf.uint8) for x in changed]
  return tf.reshape(tf.concat(whole, axis=0), images.shape)
