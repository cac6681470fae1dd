"""TFDS builder of the green bowl demonstrations.

The recorded set stands beside this file, in a folder named after its version,
and is read from there, whether this module is imported or not:

    tfds.load('green_bowl_demos', data_dir='data')

With this module imported, any other `data_dir` receives a copy first.
"""

import os

import numpy as np
import tensorflow_datasets as tfds


def _vector(*shape: int) -> tfds.features.Tensor:
  return tfds.features.Tensor(shape=shape, dtype=np.float32)


class Builder(tfds.core.GeneratorBasedBuilder):
  """Demonstrations of the task `green_bowl`, state observations."""

  VERSION = tfds.core.Version('1.0.0')
  RELEASE_NOTES = {'1.0.0': 'First recording.'}

  def _info(self) -> tfds.core.DatasetInfo:
    choice = tfds.features.Scalar(np.int32)
    number = tfds.features.Scalar(np.float32)
    flag = tfds.features.Scalar(np.bool_)
    step = {
      'observation': {
        'gripper': _vector(6),
        'objects': _vector(4, 6),
        'steps_left': _vector(1),
      },
      'action': {
        'world_vector': _vector(3),
        'yaw': _vector(1),
        'gripper': choice,
        'terminate': choice,
      },
      'reward': number,
      'discount': number,
      'is_first': flag,
      'is_last': flag,
      'is_terminal': flag,
    }
    return tfds.core.DatasetInfo(
      builder=self,
      description='Scripted grasps of a bowl among other objects.',
      features=tfds.features.FeaturesDict(
        {'steps': tfds.features.Dataset(step)}
      ),
      # So that train[:6] means the same six episodes in a copy.
      disable_shuffling=True,
    )

  def _split_generators(self, dl_manager):
    del dl_manager  # Nothing to download.
    return {'train': self._generate_examples()}

  def _generate_examples(self):
    here = os.path.dirname(os.path.abspath(__file__))
    recorded = tfds.builder_from_directory(
      os.path.join(here, str(self.VERSION))
    )
    for index, episode in enumerate(recorded.as_dataset('train')):
      yield index, {'steps': list(tfds.as_numpy(episode['steps']))}
