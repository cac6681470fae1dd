"""Lists what a saved replay holds: the labels of its items.

The data is compressed in a way that only Reverb reads. So a server of its own
restores the labels' columns, without images, and hands out each item once.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator

import numpy as np
import reverb
import tensorflow as tf

from awopt_agent import structs
from awopt_agent.experience import packing, records, restoring, tables

__all__ = ['read_labels']

_BATCH = 1024
_WAIT_MS = 60_000


def read_labels(
  folder: str,
  step_spec: structs.Experience,
  *,
  steps_per_item: int,
  scratch: str | None = None,
) -> dict[str, structs.EpisodeLabel]:
  """Reads the label of each item of the two tables.

  An episode is whole where its items have the steps 0 to `length - 1`, each
  once.

  Args:
    folder: That `Replay.save` wrote.
    step_spec: As given to `Replay`.
    steps_per_item: As given to `Replay`.
    scratch: Where to write the labels' columns on the way; None for the
      system's temporary folder.

  Returns:
    For each table the labels of its items' first steps, arrays `[items]` in
    the order in which the items were inserted.

  Raises:
    ValueError: If the folder holds no complete replay of such steps.
  """
  records.check_complete(folder)
  plan = packing.StepPacking(step_spec)
  columns = plan.columns_of(step_spec.label)
  configured = tables.make_tables(
    step_spec, tables.ReplayConfig(), steps_per_item=steps_per_item
  )
  with tempfile.TemporaryDirectory(dir=scratch) as temporary:
    saved = os.path.join(temporary, 'saved')
    os.mkdir(saved)
    sizes = _write_labels(folder, saved, list(plan.spec), columns)
    restoring.check_signatures(folder, configured, sizes)
    queues = [_queue(table, columns, sizes[table.name]) for table in configured]
    restoring.write_tables(saved, queues, sizes)
    records.finish(saved)
    server = restoring.serve(temporary, queues, source=folder, sizes=sizes)
    try:
      client = server.localhost_client()
      return {
        name: _concatenate(
          step_spec.label, _drain(client, name, plan, size) if size else []
        )
        for name, size in sizes.items()
      }
    finally:
      server.stop()


def _write_labels(
  source: str, folder: str, every_column: list[str], columns: list[str]
) -> dict[str, int]:
  """Copies the items with some of their columns; returns how many."""
  # In the order in which Reverb flattens a signature.
  wanted = [i for i, name in enumerate(sorted(every_column)) if name in columns]
  sizes = dict.fromkeys((tables.SUCCESS, tables.FAILURE), 0)
  chunks: set[int] = set()

  def items() -> Iterator[bytes]:
    for record in records.read(source, records.ITEMS):
      item = records.Item.FromString(record)
      if item.table not in sizes:
        continue
      sizes[item.table] += 1
      kept = [item.flat_trajectory.columns[i] for i in wanted]
      chunks.update(part.chunk_key for c in kept for part in c.chunk_slices)
      item.flat_trajectory.CopyFrom(records.Trajectory(columns=kept))
      item.times_sampled = 0
      yield item.SerializeToString()

  records.write(folder, records.ITEMS, items())
  records.write(
    folder,
    records.CHUNKS,
    (
      record
      for record in records.read(source, records.CHUNKS)
      if records.Chunk.FromString(record).chunk_key in chunks
    ),
  )
  return sizes


def _queue(table: reverb.Table, columns: list[str], size: int) -> reverb.Table:
  """Returns a table that hands out each item once, in order."""
  signature = {name: table.info.signature[name] for name in columns}
  return reverb.Table(
    table.name,
    sampler=reverb.selectors.Fifo(),
    remover=reverb.selectors.Fifo(),
    max_size=max(size, 1),
    max_times_sampled=1,
    rate_limiter=reverb.rate_limiters.MinSize(1),
    signature=signature,
  )


def _drain(
  client: reverb.Client, table: str, plan: packing.StepPacking, size: int
) -> Iterator[structs.EpisodeLabel]:
  """Yields the labels of a table's items, `[_BATCH, n + 1]`."""
  samples = reverb.TrajectoryDataset.from_table_signature(
    client.server_address,
    table,
    max_in_flight_samples_per_worker=_BATCH,
    num_workers_per_iterator=1,  # Several would mix the order.
    rate_limiter_timeout_ms=_WAIT_MS,
    max_samples=size,  # Else its end would wait for more of them.
  )
  for batch in samples.batch(_BATCH):
    yield plan.unpack(batch.data).label


def _concatenate(
  spec: structs.EpisodeLabel, labels: Iterable[structs.EpisodeLabel]
) -> structs.EpisodeLabel:
  """Joins the labels of items' first steps."""
  return tf.nest.map_structure(
    lambda part_spec, *parts: np.concatenate(
      [
        np.zeros(0, part_spec.dtype.as_numpy_dtype),
        *(part[:, 0] for part in parts),
      ]
    ),
    spec,
    *labels,
  )
