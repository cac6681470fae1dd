"""The flags of awopt-demos."""

import argparse
import ast
from collections.abc import Sequence
from typing import Any

from awopt_agent.train import command_line

__all__ = ['parse']

_SOURCE = 'folder, or name of a TFDS set'
_KINDS = 'actor, cem or cem_with_candidate'
_OUT = 'folder; names the new set'


def parse(arguments: Sequence[str]) -> argparse.Namespace:
  """Returns the flags of a verb; bad usage ends the program."""
  parser = command_line.Parser(
    'awopt-demos',
    description='Records, checks, edits and films demonstrations.',
  )
  verbs = parser.add_subparsers(dest='verb', required=True)
  record = verbs.add_parser('record', help='record whoever acts')
  _add_record_flags(record)
  play = verbs.add_parser('play', help='film episodes, whoever acts')
  _add_play_flags(play)
  for verb in (record, play):
    _add_environment_flags(verb)
  _add_reading_verbs(verbs)
  _add_editing_verbs(verbs)
  _add_convert_flags(verbs.add_parser('convert', help="read others' formats"))
  flags = parser.parse_args(arguments)
  if flags.verb not in ('record', 'play'):
    return flags
  if (flags.episodes is not None and flags.episodes < 1) or flags.seed < 0:
    parser.error('--episodes must be at least 1, and --seed at least 0')
  return flags


def _add_reading_verbs(verbs) -> None:
  inspect = verbs.add_parser('inspect', help='print what is in a set')
  inspect.add_argument('--split', default='train', help='such as train[:6]')
  inspect.add_argument('--html', help='write a page with pictures here')
  validate = verbs.add_parser('validate', help='find what would spoil training')
  validate.add_argument('--split', action='append', help='default: all')
  validate.add_argument('--json', help='write the findings here too')
  for verb in (inspect, validate):
    verb.add_argument('source', help=_SOURCE)
    command_line.add_gin_flags(verb)


def _add_editing_verbs(verbs) -> None:
  choose = verbs.add_parser('filter', help='keep some episodes, in a new set')
  choose.add_argument('source', help=_SOURCE)
  choose.add_argument('--split', action='append', help='default: all')
  outcome = choose.add_mutually_exclusive_group()
  for name, kept in (('successes', True), ('failures', False)):
    outcome.add_argument(
      f'--{name}',
      dest='success',
      action='store_const',
      const=kept,
      help=f'{name} alone',
    )
  choose.add_argument('--min_length', type=int, default=0, help='transitions')
  choose.add_argument('--max_length', type=int, help='transitions')
  choose.add_argument('--index', type=_places, help='such as 0,4,7-9')
  choose.add_argument('--without', type=_places, default=[], help='likewise')
  choose.add_argument('--unique', action='store_true', help='no copies')
  command_line.add_gin_flags(choose)
  merge = verbs.add_parser('merge', help='join sets into a new one')
  merge.add_argument('source', nargs='+', help=_SOURCE)
  share = verbs.add_parser('split', help='share episodes out to new splits')
  share.add_argument('source', help=_SOURCE)
  share.add_argument('--split', default='train', help='what to share out')
  share.add_argument(
    '--into', type=_shares, required=True, help='train=9,val=1'
  )
  order = share.add_mutually_exclusive_group()
  order.add_argument('--seed', type=int, default=0)
  order.add_argument('--in_order', action='store_true', help='not at random')
  for verb in (choose, merge, share):
    verb.add_argument('--out', required=True, help=_OUT)


def _add_convert_flags(convert) -> None:
  convert.add_argument('source', help='file or folder')
  convert.add_argument('--format', help='default: found by looking at it')
  convert.add_argument(
    '--option',
    action='append',
    default=[],
    type=_option,
    help='of the format, such as filter_key=train; repeatable',
  )
  convert.add_argument(
    '--split', type=_split_name, default='train', help='name of the split'
  )
  convert.add_argument('--strict', action='store_true', help='refuse none')
  convert.add_argument('--out', required=True, help=_OUT)


def _option(text: str) -> tuple[str, Any]:
  """Reads such as max_steps=200."""
  name, equals, value = text.partition('=')
  if not equals:
    raise ValueError(text)
  try:
    return name, ast.literal_eval(value)
  except (ValueError, SyntaxError):
    return name, value


def _places(text: str) -> list[int]:
  """Reads such as 0,4,7-9."""
  found: list[int] = []
  for part in text.split(','):
    first, _, last = part.partition('-')
    places = range(int(first), int(last or first) + 1)
    if not places:
      raise ValueError(part)
    found += places
  return found


def _shares(text: str) -> dict[str, float]:
  """Reads such as train=9,val=1."""
  shares = {}
  for part in text.split(','):
    name, _, weight = part.partition('=')
    shares[name.strip()] = float(weight)
    if not shares[_split_name(name.strip())] > 0:
      raise ValueError(part)
  if len(shares) < len(text.split(',')):
    raise ValueError(text)
  return shares


def _split_name(text: str) -> str:
  if not text.isidentifier():
    raise ValueError(text)
  return text


def _add_environment_flags(verb) -> None:
  verb.add_argument('--robot', help='kuka or panda')
  verb.add_argument('--world', help='sim or real')
  verb.add_argument('--observation', help='state, image or both')
  verb.add_argument('--seed', type=int, default=0)
  verb.add_argument('--noise', type=float, help='sigma, in action units')
  verb.add_argument('--bias_m', type=float, help='sigma of the aim, metres')
  command_line.add_gin_flags(verb)


def _add_record_flags(record) -> None:
  record.add_argument('--task', help="a task, or a Gymnasium environment's id")
  record.add_argument('--episodes', type=int, default=120, help='to keep')
  record.add_argument('--out', required=True, help=_OUT)
  record.add_argument('--append', action='store_true', help='go on in a set')
  record.add_argument('--all', action='store_true', help='failures too')
  who = record.add_mutually_exclusive_group()
  who.add_argument('--policy', help='folder of an export; default: an expert')
  who.add_argument('--random', action='store_true', help='act by chance')
  record.add_argument('--policy_kind', help=_KINDS)


def _add_play_flags(play) -> None:
  play.add_argument('--out', required=True, help='.mp4, .gif, or .png: a sheet')
  who = play.add_mutually_exclusive_group()
  who.add_argument('--policy', help='folder of an export; default: an expert')
  who.add_argument('--random', action='store_true', help='act by chance')
  who.add_argument('--demos', help='show what a set holds instead')
  play.add_argument('--policy_kind', help=_KINDS)
  play.add_argument('--split', default='train', help='of --demos')
  play.add_argument('--task', action='append', help="repeatable, or 'all'")
  play.add_argument('--episodes', type=int, help='to film or, for a .png, try')
