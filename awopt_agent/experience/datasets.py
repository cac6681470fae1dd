"""Batches that mix the tables, and never wait for an empty one."""

import math
import time
from collections.abc import Callable, Iterator

import numpy as np
import reverb
import tensorflow as tf

from awopt_agent import structs
from awopt_agent.experience import augmentation, packing, tables

__all__ = ['make_dataset', 'make_packed_dataset', 'without_sharding']

_TABLES = (tables.SUCCESS, tables.FAILURE)
_REFRESH_S = 0.2
_ANSWER_S = 30
_FIRST_ITEM_LIMIT_S = 300.0


def make_dataset(
  client: reverb.Client,
  step_spec: structs.Experience,
  *,
  batch_size: int,
  success_fraction: float | None = 0.5,
  augment: augmentation.AugmentConfig | None = None,
  seed: int = 0,
  max_in_flight: int = 64,
) -> tf.data.Dataset:
  """Makes an endless data set of batches from the two tables.

  A batch is put together from chunks, each drawn from one table: the plan of
  each batch is made from the tables' sizes. While a table is empty, all
  chunks come from the other; Reverb's own mixture blocks there, or, with a
  time limit, never comes back to the table.

  Args:
    client: Of the server that holds the tables.
    step_spec: As given to `make_tables`.
    batch_size: B.
    success_fraction: Share of each batch from the success table; None draws
      in proportion to the tables' sizes.
    augment: How images of observations change; None for not at all.
    seed: Of the plan and the augmentation; Reverb's own sampling has no seed.
    max_in_flight: Samples that each table keeps on the way.

  Returns:
    Data set of `(Experience [B, n + 1, ...], ())`.

  Raises:
    ValueError: If `success_fraction` is outside [0, 1], the tables hold other
      steps, or an image is too small for its augmentation.
  """
  packed = make_packed_dataset(
    client,
    step_spec,
    batch_size=batch_size,
    success_fraction=success_fraction,
    seed=seed,
    max_in_flight=max_in_flight,
  )
  unpack = packing.StepPacking(step_spec).unpack
  batches = packed.map(lambda columns: (unpack(columns), ()))
  if augment is not None:
    batches = augmentation.augment_dataset(
      batches, step_spec, augment, seed=seed
    )
  return without_sharding(batches.prefetch(4))


def make_packed_dataset(
  client: reverb.Client,
  step_spec: structs.Experience,
  *,
  batch_size: int,
  success_fraction: float | None = 0.5,
  seed: int = 0,
  max_in_flight: int = 64,
) -> tf.data.Dataset:
  """Makes the data set of `make_dataset` before its columns are unpacked.

  Args:
    client: As there, and so on.
    step_spec: As there.
    batch_size: As there.
    success_fraction: As there.
    seed: As there.
    max_in_flight: As there.

  Returns:
    Data set of the columns of `packing.StepPacking`, `[B, n + 1, size]`.

  Raises:
    ValueError: If `success_fraction` is outside [0, 1], or the tables hold
      other steps.
  """
  chunk, count = _chunking(batch_size, success_fraction)
  sources = [
    reverb.TrajectoryDataset.from_table_signature(
      client.server_address,
      table,
      max_in_flight_samples_per_worker=max_in_flight,
    )
    .batch(chunk, drop_remainder=True)
    .map(lambda samples: samples.data)  # After batching: a call a chunk.
    for table in _TABLES
  ]
  _check_columns(client, step_spec, sources[0].element_spec)
  plan = tf.data.Dataset.from_generator(
    lambda: _plans(
      _cached_sizes(client),
      count,
      success_fraction,
      np.random.default_rng(seed),
    ),
    output_signature=tf.TensorSpec([count], tf.int64),
  )
  chunks = tf.data.Dataset.choose_from_datasets(sources, plan.unbatch())
  return chunks.batch(count, drop_remainder=True).map(
    lambda columns: _join_chunks(columns, batch_size)
  )


def without_sharding(batches: tf.data.Dataset) -> tf.data.Dataset:
  """Turns automatic sharding off: each reader draws batches of its own."""
  options = tf.data.Options()
  options.experimental_distribute.auto_shard_policy = (
    tf.data.experimental.AutoShardPolicy.OFF
  )
  return batches.with_options(options)


def _check_columns(client: reverb.Client, step_spec, found) -> None:
  wanted = packing.StepPacking(step_spec).spec
  if wanted.keys() != found.keys():
    raise ValueError(
      f'the tables of {client.server_address} hold the columns '
      f'{sorted(found)}, and step_spec asks for {sorted(wanted)}; make '
      'tables and batches from one training_data_spec.'
    )


def _chunking(
  batch_size: int, success_fraction: float | None
) -> tuple[int, int]:
  """Returns the size and the number of the chunks of a batch."""
  if success_fraction is None:
    chunk = math.gcd(batch_size, 4)
    return chunk, batch_size // chunk
  if not 0 <= success_fraction <= 1:
    raise ValueError(
      f'success_fraction must be in [0, 1] or None, got {success_fraction}.'
    )
  successes = round(success_fraction * batch_size)
  chunk = math.gcd(batch_size, successes)
  return chunk, batch_size // chunk


def _plans(
  sizes: Callable[[], tuple[int, int]],
  count: int,
  success_fraction: float | None,
  rng: np.random.Generator,
) -> Iterator[np.ndarray]:
  """Yields, for each batch, the table of each of its chunks."""
  while True:
    successes, failures = sizes()
    if success_fraction is None:
      share = successes / (successes + failures)
      yield (rng.random(count) >= share).astype(np.int64)
      continue
    share = success_fraction
    if not successes or not failures:
      share = float(successes > 0)
    from_success = round(share * count)
    yield (np.arange(count) >= from_success).astype(np.int64)


def _cached_sizes(client: reverb.Client) -> Callable[[], tuple[int, int]]:
  """Returns a function that asks for the tables' sizes now and then."""
  known, asked_at = (0, 0), -math.inf

  def sizes() -> tuple[int, int]:
    nonlocal known, asked_at
    start = time.monotonic()
    while not any(known) or time.monotonic() - asked_at > _REFRESH_S:
      try:
        info = client.server_info(timeout=_ANSWER_S)
        known = tuple(info[table].current_size for table in _TABLES)
      # So Reverb says that its server is gone. Its samplers wait until one is
      # back, for as long as whoever draws the batches does.
      except (RuntimeError, reverb.errors.DeadlineExceededError):
        if not any(known):
          raise
      asked_at = time.monotonic()
      if not any(known):
        if asked_at - start > _FIRST_ITEM_LIMIT_S:
          raise TimeoutError(
            f'no item in the tables {_TABLES} of {client.server_address} '
            f'after {_FIRST_ITEM_LIMIT_S:.0f} s; write demonstrations or '
            'practice first.'
          )
        time.sleep(0.05)
    return known

  return sizes


def _join_chunks(columns, batch_size: int):
  """Reshapes `[count, chunk, ...]` to `[B, ...]`."""
  return {
    name: tf.reshape(column, [batch_size, *column.shape[2:]])
    for name, column in columns.items()
  }
