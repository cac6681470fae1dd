"""Episodes with a picture beside the state."""

import numpy as np
import tensorflow as tf

from tests import fakes

# Large enough for a column of its own in the replay.
SHAPE = (24, 16, 3)


def make_episode(length, *, episode_id=1, success=True):
  """Returns a labelled episode whose pictures count its steps.

  All pixels of a picture are `10 * episode_id + step`.
  """
  episode = fakes.make_episode(length, episode_id=episode_id, success=success)
  values = (10 * episode_id + np.arange(length + 1)).astype(np.uint8)
  image = np.broadcast_to(values[:, None, None, None], (length + 1, *SHAPE))
  trajectory = episode.trajectory
  return episode._replace(
    trajectory=trajectory._replace(
      observation={**trajectory.observation, 'image': image}
    )
  )


def step_spec():
  """Returns the specs of one step of `make_episode`."""
  return tf.nest.map_structure(
    lambda column: tf.TensorSpec(column.shape[1:], column.dtype),
    make_episode(1),
  )
