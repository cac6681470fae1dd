"""Makes the report from records, without training."""

import glob
import os
from collections.abc import Sequence

from awopt_agent.trials.evidence import blocks as blocks_lib
from awopt_agent.trials.evidence import document, markdown, page, results

__all__ = ['build']

_PAGE, _TEXT = 'results.html', 'results.md'
# Beside them, with what they show and are made of.
_FOLDER, _PICTURES, _FILMS = 'results', 'figures', 'films'
_AXIS = 'episodes'


def build(records_folder: str, out_folder: str) -> str:
  """Writes `results.md`, `results.html` and `results/figures/`.

  The same records, notes and films give the same bytes.

  Args:
    records_folder: Of all records; notes may stand beside it.
    out_folder: Where the files go; films are found in its `results/films/`.

  Returns:
    The line that says what was made.

  Raises:
    ValueError: If a record or the notes are none, or matplotlib lacks.
    OSError: If a file cannot be read or written.
  """
  found = results.gather(records_folder)
  blocks = document.compose(found)
  films = sorted(
    glob.glob(os.path.join(glob.escape(out_folder), _FOLDER, _FILMS, '*.mp4'))
  )
  films_at = f'{_FOLDER}/{_FILMS}'
  _write_pictures(blocks, os.path.join(out_folder, _FOLDER, _PICTURES))
  _write(
    os.path.join(out_folder, _TEXT),
    markdown.render(
      blocks,
      page=_PAGE,
      pictures=f'{_FOLDER}/{_PICTURES}',
      films=[f'{films_at}/{os.path.basename(path)}' for path in films],
    ),
  )
  path = os.path.join(out_folder, _PAGE)
  _write(path, page.render(blocks, films=films, films_at=films_at))
  verdicts = document.verdicts(found.claims)
  return f'{path}: {len(found.records)} trials; claims: {verdicts}'


def _write_pictures(blocks: Sequence[blocks_lib.Block], folder: str) -> None:
  """Writes pictures, and removes those of figures that are no more."""
  pictures = {
    os.path.join(folder, f'{block.name}.svg'): block.svgs[_AXIS]
    for block in blocks
    if isinstance(block, blocks_lib.Picture)
  }
  for path in glob.glob(os.path.join(glob.escape(folder), '*.svg')):
    if path not in pictures:
      os.remove(path)
  for path, svg in pictures.items():
    _write(path, svg)


def _write(path: str, text: str) -> None:
  os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
  part = f'{path}.part'
  with open(part, 'w', encoding='utf-8') as file:
    file.write(text)
  os.replace(part, path)
