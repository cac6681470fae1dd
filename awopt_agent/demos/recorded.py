"""TFDS builders of sets that were recorded and lie beside their builder."""

import inspect
import os

import tensorflow_datasets as tfds

__all__ = ['RecordedBuilder']


class RecordedBuilder(  # type: ignore[call-arg]  # TFDS has no types.
  tfds.core.GeneratorBasedBuilder, skip_registration=True
):
  """Reads a recorded set in the folder, named after its version, beside it.

  A subclass stands in `<set>/<set>_dataset_builder.py`, and has a `VERSION`, a
  `RELEASE_NOTES` and a docstring, the set's description:

      tfds.load('<set>', data_dir='<folder of <set>>')

  reads the recorded files themselves, whether the module is imported or not;
  with it imported, any other `data_dir` receives a copy first.
  """

  def _info(self) -> tfds.core.DatasetInfo:
    return tfds.core.DatasetInfo(
      builder=self,
      description=inspect.getdoc(type(self)),
      features=self._recorded().info.features,
      # So that train[:6] means the same six episodes in a copy.
      disable_shuffling=True,
    )

  def _split_generators(self, dl_manager):
    del dl_manager  # Nothing to download.
    return {
      split: self._generate_examples(split)
      for split in self._recorded().info.splits
    }

  def _generate_examples(self, split: str):
    for index, episode in enumerate(self._recorded().as_dataset(split)):
      yield index, {'steps': list(tfds.as_numpy(episode['steps']))}

  def _recorded(self) -> tfds.core.DatasetBuilder:
    here = os.path.dirname(os.path.abspath(inspect.getfile(type(self))))
    return tfds.builder_from_directory(os.path.join(here, str(self.VERSION)))
