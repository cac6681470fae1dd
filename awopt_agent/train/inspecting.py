"""Runs of `awopt-demos inspect` and `validate`: they read, and only read."""

import json
import os
import sys

from awopt_agent import files
from awopt_agent.demos import (
  audit,
  mapping,
  page,
  reader,
  schema,
  sources,
  statistics,
)
from awopt_agent.train import config

__all__ = ['inspect', 'validate']

_SHOWN_EPISODES = 6


def inspect(flags) -> str:
  """Says what is in a split of a set.

  Args:
    flags: Of `awopt-demos inspect`.

  Returns:
    A table.

  Raises:
    ValueError, OSError: With one line for the user.
  """
  mapper = _mapper()
  summary = statistics.summarize(
    reader.read_both(flags.source, flags.split, mapping=mapper)
  )
  # A second time, since a histogram needs the range.
  for stored in reader.read_stored(flags.source, flags.split):
    summary.count_values(stored)
  if flags.html:
    _write(flags.html, _page(flags, summary, mapper))
  return str(summary)


def _page(flags, summary: statistics.Summary, mapper) -> str:
  count = len(summary.lengths) + len(summary.refused)
  shown = set(page.choose(count, _SHOWN_EPISODES))
  both = reader.read_both(flags.source, flags.split, mapping=mapper)
  return page.render(
    f'{os.path.basename(os.path.abspath(flags.source))} {flags.split}',
    summary,
    (
      (index, stored, outcome)
      for index, (stored, outcome) in enumerate(both)
      if index in shown
    ),
  )


def validate(flags) -> str:
  """Checks every episode of a set.

  Args:
    flags: Of `awopt-demos validate`.

  Returns:
    What was found, where nothing would spoil training.

  Raises:
    SystemExit: With code 1, and what was found printed, where something would.
    ValueError, OSError: With one line for the user.
  """
  found = audit.Audit()
  splits = flags.split or list(sources.open_set(flags.source).info.splits)
  mapper = _mapper()
  for split in splits:
    both = reader.read_both(flags.source, split, mapping=mapper)
    for index, (stored, outcome) in enumerate(both):
      found.add(split, index, stored, outcome)
  if flags.json:
    _write(flags.json, json.dumps(found.as_record(), indent=2) + '\n')
  if found.spoils_training:
    print(f'{found}\n{flags.source}: not fit to train on')
    sys.exit(1)
  return f'{found}\n{flags.source}: fit'


def _mapper() -> mapping.EpisodeMapper:
  return mapping.EpisodeMapper(
    mapping.Mapping(),
    success_threshold=config.bound(
      'TrainConfig.success_threshold', schema.DEFAULT_SUCCESS_THRESHOLD
    ),
  )


def _write(path: str, text: str) -> None:
  with files.clear_disk_errors(f'write {path}', 'choose another file'):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as file:
      file.write(text)
