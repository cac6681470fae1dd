"""Runs of `awopt-demos` that make a new set out of others."""

import sys

from awopt_agent.demos import (
  converters,
  editing,
  mapping,
  schema,
  sources,
  writer,
)
from awopt_agent.train import config

__all__ = ['convert', 'describe', 'filter_set', 'merge', 'split']

_DEFAULT = schema.DEFAULT_SUCCESS_THRESHOLD


def convert(flags) -> str:
  """Writes somebody else's file or folder as RLDS, every value as it is."""
  writer.check_target(flags.out)
  refused: list[str] = []
  on_refused = None if flags.strict else refused.append
  episodes = converters.read(
    flags.source,
    flags.format,
    on_refused=on_refused,
    **dict(flags.option),
  )
  path = writer.write_stored(
    episodes,
    flags.out,
    split=flags.split,
    on_refused=on_refused,
    description=f'Converted from {flags.source.rstrip("/").split("/")[-1]}.',
  )
  for reason in refused:
    print(f'refused: {reason}', file=sys.stderr)
  return describe(path) + (f', {len(refused)} refused' if refused else '')


def filter_set(flags) -> str:
  """Keeps some episodes; see `editing.filter_set`."""
  selection = editing.Selection(
    success=flags.success,
    min_length=flags.min_length,
    max_length=flags.max_length,
    index=flags.index,
    without=flags.without,
    unique=flags.unique,
  )
  path = editing.filter_set(
    flags.source,
    flags.out,
    selection,
    splits=flags.split,
    mapping=mapping.Mapping(),
    success_threshold=config.bound('TrainConfig.success_threshold', _DEFAULT),
  )
  return describe(path)


def merge(flags) -> str:
  """Joins sets; see `editing.merge_sets`."""
  return describe(editing.merge_sets(flags.source, flags.out))


def split(flags) -> str:
  """Shares episodes out; see `editing.split_set`."""
  path = editing.split_set(
    flags.source,
    flags.out,
    flags.into,
    split=flags.split,
    seed=None if flags.in_order else flags.seed,
  )
  return describe(path)


def describe(path: str) -> str:
  """Returns the line that says what is in a new set."""
  splits = sources.open_set(path).info.splits
  largest_first = sorted(splits.items(), key=lambda item: -item[1].num_examples)
  counts = ', '.join(
    f'{name} {info.num_examples}' for name, info in largest_first
  )
  return f'{path}: {counts} episodes'
