"""Restores saved tables by today's configuration.

Reverb takes sizes, rate limiters and selectors of a restored table from the
checkpoint, aborts over a table that it does not know, and starts empty, without
a word, over an item whose data is missing.
"""

import array
import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import reverb

from awopt_agent import files
from awopt_agent.experience import records

__all__ = ['adapt', 'check_signatures', 'serve', 'write_tables']


def adapt(
  source: str, folder: str, tables: Sequence[reverb.Table]
) -> dict[str, int]:
  """Writes a checkpoint from which Reverb restores the given tables.

  Everything but the items comes from `tables`: sizes, selectors, limits. Items
  of other tables are left out. Of a table that is too small, those stay that
  its remover would have kept.

  Args:
    source: Folder of a checkpoint that Reverb wrote.
    folder: Where to write; made.
    tables: As configured now.

  Returns:
    The number of items that each table will hold.

  Raises:
    ValueError: If the checkpoint is incomplete or damaged, or its items do not
      fit a table.
  """
  records.check_complete(source)
  infos = _describe(tables)
  found = _survey(source, infos)
  kept = {name: _kept(items, infos[name]) for name, items in found.items()}
  sizes = {name: int(stays.sum()) for name, stays in kept.items()}
  samples = {name: int(found[name].samples[kept[name]].sum()) for name in kept}
  check_signatures(source, tables, sizes)
  os.makedirs(folder)
  write_tables(folder, tables, sizes, samples)
  records.write(folder, records.ITEMS, _chosen(source, kept))
  # Data of items that were left out is freed at the end of restoring.
  records.link(source, folder, records.CHUNKS)
  records.finish(folder)
  return sizes


def check_signatures(
  source: str, tables: Sequence[reverb.Table], sizes: Mapping[str, int]
) -> None:
  """Checks that stored items have the columns of today's tables.

  Args:
    source: Folder of a checkpoint.
    tables: As configured now.
    sizes: Items that are taken from the checkpoint; where none are, anything
      fits.

  Raises:
    ValueError: If the items of a table have other columns.
  """
  infos = _describe(tables)
  for name, stored in records.read_tables(source).items():
    if sizes.get(name) and stored.signature != infos[name].signature:
      raise ValueError(
        f'the items of table {name} in {source} have other columns than the '
        'configuration asks for; use the configuration that wrote them.'
      )


def write_tables(
  folder: str,
  tables: Sequence[reverb.Table],
  sizes: Mapping[str, int],
  samples: Mapping[str, int] | None = None,
) -> None:
  """Writes a checkpoint's records of tables as configured.

  Args:
    folder: Of the checkpoint.
    tables: As configured now.
    sizes: Items that the checkpoint holds for each table.
    samples: How often these were sampled, together, where a table limits
      that; None for never.
  """
  records.write(
    folder,
    records.TABLES,
    (
      _table_record(info, sizes[name], (samples or {}).get(name, 0))
      for name, info in _describe(tables).items()
    ),
  )


def serve(
  folder: str,
  tables: Sequence[reverb.Table],
  *,
  source: str,
  sizes: Mapping[str, int],
  port: int | None = None,
) -> reverb.Server:
  """Starts a server that holds the items of a checkpoint.

  Args:
    folder: That holds the adapted checkpoint, in a folder of its own; for
      later checkpoints too.
    tables: To which it was adapted.
    source: Folder from which it was adapted, for errors.
    sizes: Number of items that each table must have.
    port: Where to listen; None takes a free one.

  Raises:
    ValueError: If the checkpoint is damaged.
    OSError: If the port cannot be used.
  """
  try:
    server = reverb.Server(
      tables, port, reverb.checkpointers.DefaultCheckpointer(folder)
    )
  except (RuntimeError, ValueError) as error:
    reason = files.first_line(error)
    if 'BuildAndStart' in reason:
      raise OSError(f'port {port} cannot be used; choose another.') from error
    raise ValueError(
      f'Reverb cannot restore {source} ({reason}); move the checkpoint away to '
      'go on from the one before it.'
    ) from error
  # Where data of an item is missing, Reverb starts empty and says nothing.
  if missing := _missing(server, sizes):
    server.stop()
    raise ValueError(
      f'{source} is damaged: {missing} of its items could not be restored; '
      'move the checkpoint away to go on from the one before it.'
    )
  return server


def _missing(server: reverb.Server, sizes: Mapping[str, int]) -> int:
  """Returns how many items are not there; clients may be at work already."""
  info = server.localhost_client().server_info(timeout=30)
  return sum(
    max(0, sizes[name] - table.current_size - _taken(table))
    for name, table in info.items()
  )


def _taken(table: reverb.reverb_types.TableInfo) -> int:
  """Returns the most items that may have left by being sampled."""
  if not table.max_times_sampled:
    return 0
  return table.rate_limiter_info.sample_stats.completed


def _describe(tables: Sequence[reverb.Table]) -> dict[str, records.TableInfo]:
  """Returns Reverb's own description of tables, by name."""
  return {
    table.name: records.TableInfo.FromString(table.internal_table.info())
    for table in tables
  }


def _table_record(info: records.TableInfo, size: int, samples: int) -> bytes:
  limiter = info.rate_limiter_info
  record = records.Checkpoint(
    table_name=info.name,
    max_size=info.max_size,
    max_times_sampled=info.max_times_sampled,
    sampler=info.sampler_options,
    remover=info.remover_options,
    signature=info.signature if info.HasField('signature') else None,
  )
  record.rate_limiter.samples_per_insert = limiter.samples_per_insert
  record.rate_limiter.min_diff = limiter.min_diff
  record.rate_limiter.max_diff = limiter.max_diff
  record.rate_limiter.min_size_to_sample = limiter.min_size_to_sample
  record.rate_limiter.insert_count = size
  record.rate_limiter.sample_count = (
    samples if info.max_times_sampled else _balanced_samples(limiter, size)
  )
  return record.SerializeToString()


def _balanced_samples(limiter, size: int) -> int:
  """Returns a count of samples at which neither side has to wait.

  The stored counts may be at a bound: then inserts wait for samples that never
  come, or the other way round (reverb#103). The limiter bounds
  `inserts * samples_per_insert - samples`; this puts it in the middle.
  """
  # Halved first: the bounds of MinSize are the largest floats.
  middle = limiter.min_diff / 2 + limiter.max_diff / 2
  return max(0, round(size * limiter.samples_per_insert - middle))


@dataclasses.dataclass(frozen=True)
class _Found:
  """What decides which items of a table stay, in order of insertion.

  Attributes:
    priorities: float64 `[items]`.
    samples: int64 `[items]`, how often each was sampled.
  """

  priorities: np.ndarray
  samples: np.ndarray


def _survey(
  source: str, infos: Mapping[str, records.TableInfo]
) -> dict[str, _Found]:
  # Arrays: a list of so many numbers would take five times the memory.
  found = {name: (array.array('d'), array.array('q')) for name in infos}
  for record in records.read(source, records.ITEMS):
    item = records.Item.FromString(record)
    if item.table in found:
      priorities, samples = found[item.table]
      priorities.append(item.priority)
      samples.append(item.times_sampled)
  return {
    name: _Found(np.array(priorities), np.array(samples))
    for name, (priorities, samples) in found.items()
  }


def _kept(found: _Found, info: records.TableInfo) -> np.ndarray:
  """Returns, for each item in order of insertion, whether it stays."""
  stays = np.ones(len(found.samples), bool)
  if info.max_times_sampled:
    # Reverb deletes an item when it reaches the limit, and never beyond.
    stays = found.samples < info.max_times_sampled
  rows = np.flatnonzero(stays)
  remover = info.remover_options
  kind = remover.WhichOneof('distribution')
  if kind == 'lifo':
    rows = rows[::-1]
  elif kind == 'heap':
    sign = 1 if remover.heap.min_heap else -1
    # Stable: among equals the heap gives up the oldest.
    rows = rows[np.argsort(sign * found.priorities[rows], kind='stable')]
  # The first of these leave first.
  stays[rows[: max(0, len(rows) - info.max_size)]] = False
  return stays


def _chosen(source: str, kept: Mapping[str, np.ndarray]) -> Iterator[bytes]:
  rows = {name: iter(mask) for name, mask in kept.items()}
  for record in records.read(source, records.ITEMS):
    table = records.Item.FromString(record).table
    if table in rows and next(rows[table]):
      yield record
