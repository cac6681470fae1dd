"""TFDS builder of demonstrations of Task 4."""

import tensorflow_datasets as tfds

from awopt_agent.demos import recorded


class Builder(recorded.RecordedBuilder):
  """Scripted grasps of trash from the middle of three bins."""

  VERSION = tfds.core.Version('1.0.0')
  RELEASE_NOTES = {'1.0.0': 'First recording.'}
