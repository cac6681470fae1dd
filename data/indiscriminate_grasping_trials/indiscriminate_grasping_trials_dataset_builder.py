"""TFDS builder of trials of Task 1."""

import tensorflow_datasets as tfds

from awopt_agent.demos import recorded


class Builder(recorded.RecordedBuilder):
  """Trials of a poor expert at lifting any of six objects from a bin, its failures included."""

  VERSION = tfds.core.Version('1.0.0')
  RELEASE_NOTES = {'1.0.0': 'First recording.'}
