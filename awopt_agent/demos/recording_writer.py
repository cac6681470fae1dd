"""Writes episodes as they come, so that a stop loses none that is complete."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import tensorflow_datasets as tfds

from awopt_agent import files, structs
from awopt_agent.demos import schema, set_writer, validator, writer

__all__ = ['EpisodeWriter', 'count_before', 'record_episodes']

# A kill, unlike a signal, loses those that were not published: at most this
# many, and at most as many as are safe.
_MOST_PENDING = 20


def count_before(folder: str, *, append: bool, version: str = '1.0.0') -> int:
  """Returns how many episodes a recording begins with.

  Args:
    folder: Of the set.
    append: Whether it may exist.
    version: Three numbers with dots.

  Raises:
    FileExistsError: If it exists and may not.
    ValueError: If folder or version are no names for TFDS.
  """
  target = os.path.join(folder, version)
  if not (append and os.path.exists(target)):
    writer.check_target(folder, version)
    return 0
  return _open(target, folder, version).published


def record_episodes(
  episodes: Iterable[structs.Episode],
  folder: str,
  *,
  time_step_spec: Any,
  action_spec: Any,
  append: bool = False,
  split: str = 'train',
  version: str = '1.0.0',
) -> str:
  """Writes episodes while they are made.

  After an exception of their maker, such as an interrupt, the set holds every
  episode that came; after a kill, all but the last few.

  Args:
    episodes: Taken one at a time.
    folder: See `writer.write_episodes`, as for the specs.
    time_step_spec: Unbatched array or tensor spec.
    action_spec: Unbatched array or tensor spec.
    append: Whether to go on in a set that exists.
    split: Name of the split.
    version: Three numbers with dots.

  Returns:
    Path of the version folder.

  Raises:
    FileExistsError: If that version of the set exists and may not.
    ValueError: If there is no episode, one does not fit the specs, or the set
      that exists has other fields.
    OSError: If the disk is full; what was published before is kept.
  """
  remaining = iter(episodes)
  target = os.path.join(folder, version)
  specs = {'time_step_spec': time_step_spec, 'action_spec': action_spec}
  begun = append and os.path.exists(target)
  if not begun:
    first = next(remaining, None)
    writer.write_episodes(
      [] if first is None else [first],
      folder,
      **specs,
      split=split,
      version=version,
    )
  writing = _open(target, folder, version)
  if begun:
    _check_features(writing.features, writer.episode_features(**specs), folder)
  with files.clear_disk_errors(
    f'write to {folder}', 'what was written before is kept; free space there'
  ):
    _go_on(writing, remaining, specs, split)
  return target


class EpisodeWriter:
  """Writes stored episodes one by one, each when it is handed over.

  A reader finds an episode once `add` has returned, and none that is not
  whole, whatever happens meanwhile. Each becomes a file of its own: that is
  for those who make one in seconds.
  """

  def __init__(
    self,
    folder: str,
    *,
    append: bool = False,
    split: str = 'train',
    version: str = '1.0.0',
  ):
    """Prepares; nothing is written before the first episode.

    Args:
      folder: See `writer.write_episodes`.
      append: Whether to go on in a set that exists.
      split: Name of the split.
      version: Three numbers with dots.

    Raises:
      FileExistsError: If that version of the set exists and may not.
      ValueError: If folder or version are no names for TFDS.
    """
    self._count = count_before(folder, append=append, version=version)
    self._folder, self._split, self._version = folder, split, version
    self._target = os.path.join(folder, version)
    self._writing: set_writer.SetWriter | None = None

  @property
  def episodes(self) -> int:
    """Episodes that a reader finds."""
    return self._count

  def add(self, episode: schema.StoredEpisode) -> None:
    """Writes an episode.

    Raises:
      ValueError: If it has other fields than those of the set.
      OSError: If the disk is full; what was written before is kept.
    """
    features = writer.stored_features(episode)
    if not os.path.exists(self._target):
      writer.write_stored(
        [episode], self._folder, split=self._split, version=self._version
      )
      self._writing = _open(self._target, self._folder, self._version)
      self._count = self._writing.published
      return
    if self._writing is None:
      self._writing = _open(self._target, self._folder, self._version)
    _check_features(self._writing.features, features, self._folder)
    example = features.serialize_example(writer.stored_example(episode))
    # What a failure leaves behind is written over by the next one.
    writing, self._writing = self._writing, None
    with (
      files.clear_disk_errors(
        f'write to {self._folder}',
        'what was written before is kept; free space there',
      ),
      _uninterrupted(),
    ):
      writing.add(self._split, example)
      writing.publish()
    self._count, self._writing = writing.published, writing


def _go_on(writing, episodes, specs, split: str) -> None:
  try:
    for index, episode in enumerate(episodes, start=writing.published):
      validator.check_matches(episode, **specs, index=index)
      with _uninterrupted():
        _add(writing, split, episode)
  finally:
    if writing.pending:
      with _uninterrupted():
        writing.publish()


def _add(writing, split: str, episode: structs.Episode) -> None:
  example = writing.features.serialize_example(writer.make_example(episode))
  writing.add(split, example)
  if writing.pending >= min(_MOST_PENDING, writing.published):
    writing.publish()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
  """Lets a signal wait, that would come between a file and its count."""
  if threading.current_thread() is not threading.main_thread():
    yield  # Python handles signals in the main thread alone.
    return
  waiting: list[int] = []
  handlers: dict[int, Any] = {
    number: signal.signal(number, lambda which, _: waiting.append(which))
    for number in (signal.SIGINT, signal.SIGTERM)
  }
  try:
    yield
  finally:
    for number, handler in handlers.items():
      signal.signal(number, handler)
    for number in waiting:
      signal.raise_signal(number)


def _open(target: str, folder: str, version: str) -> set_writer.SetWriter:
  if not os.path.exists(os.path.join(target, 'dataset_info.json')):
    raise ValueError(
      f'{target} holds no data set to append to; choose another folder.'
    )
  return set_writer.SetWriter(
    target, name=os.path.basename(os.path.abspath(folder)), version=version
  )


def _check_features(
  old: tfds.features.FeaturesDict, new: tfds.features.FeaturesDict, folder: str
) -> None:
  # By what is stored: the classes of two readings differ.
  if old.to_json_content() != new.to_json_content():
    raise ValueError(
      f'{folder} holds other fields than this recording would: {old} instead '
      f'of {new}; record into another folder.'.replace('\n', ' ')
    )
