"""A cluster of Ray's: joined where there is one, started where there is none.

Ray is an optional extra. Its environment variables count from its import on,
so this module sets them first, and imports it only when it is asked to.
"""

import contextlib
import logging
import math
import os
import re
import secrets
import signal
import socket
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

from awopt_agent import files

__all__ = ['LOCAL', 'check_address', 'connected']

LOCAL = 'local'
_ADDRESS = re.compile(
  r'auto|local|(ray://)?[^/\s:]+:\d+|(ray://)?\[[^/\s]+\]:\d+'
)
_CLIENT = 'ray://'
_KNOCK_S = 10.0
_MODE, _TOKEN, _TOKEN_PATH = (
  'RAY_AUTH_MODE',
  'RAY_AUTH_TOKEN',
  'RAY_AUTH_TOKEN_PATH',
)
_TOKEN_FILE = os.path.join('~', '.ray', 'auth_token')
# Roles exchange nothing through Ray's store of objects; Ray takes no less.
_STORE_BYTES = 80 * 2**20


def check_address(address: str) -> None:
  """Checks what can be checked without Ray.

  Args:
    address: Of the flag --ray_address.

  Raises:
    ValueError: If it is no address, or Ray's token is turned off.
  """
  if not _ADDRESS.fullmatch(address):
    raise ValueError(
      '--ray_address must be auto, local, host:port or ray://host:port, got '
      f"'{address}'."
    )
  mode = os.environ.get(_MODE, 'token')
  if mode.lower() != 'token':
    raise ValueError(
      f"{_MODE} is '{mode}', and whoever reached Ray's ports could run "
      f'programs as you; unset it, and start the cluster with {_MODE}=token.'
    )


@contextlib.contextmanager
def connected(address: str, *, cpus: float) -> Iterator[Any]:
  """Joins a cluster, and leaves it at the end.

  Args:
    address: 'auto' for the one that this machine belongs to; 'local' to start
      Ray here, for as long as this lasts; 'host:port' or 'ray://host:port'.
    cpus: What 'local' is to have. Roles share the machine's, as they do
      without Ray, so all of them fit.

  Yields:
    The module `ray`.

  Raises:
    ValueError: If Ray is missing, or the address is none.
    OSError: If there is no such cluster, or it does not take our token.
  """
  check_address(address)
  _knock(address)
  _set_environment(address)
  ray = _import()
  options: dict[str, Any] = {
    'log_to_driver': False,
    'logging_level': logging.ERROR,
  }
  with contextlib.ExitStack() as stack:
    if address == LOCAL:
      folder = tempfile.TemporaryDirectory(
        prefix='awopt-ray-', ignore_cleanup_errors=True
      )
      options |= {
        'num_cpus': max(1, math.ceil(cpus)),
        'include_dashboard': False,
        'object_store_memory': _STORE_BYTES,
        '_temp_dir': stack.enter_context(folder),
      }
    stack.callback(ray.shutdown)
    _join(ray, address, options)
    yield ray


def _set_environment(address: str) -> None:
  """Sets what Ray reads when it is imported."""
  os.environ[_MODE] = 'token'
  # It tells of each process that died, at length; the launcher does in a line.
  os.environ.setdefault('RAY_DEDUP_LOGS_SKIP_REGEX', '.*')
  if address != LOCAL:
    return
  os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')
  # Made for systems whose firewall asks its user: binds Ray to loopback.
  os.environ['RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER'] = '0'
  if not _has_token():
    # Ray would write one to a file that other users can read.
    os.environ[_TOKEN] = secrets.token_hex(32)


def _has_token() -> bool:
  return bool(
    os.environ.get(_TOKEN)
    or os.environ.get(_TOKEN_PATH)
    or os.path.exists(os.path.expanduser(_TOKEN_FILE))
  )


def _import():
  try:
    import ray
  except ImportError as error:
    raise ValueError(
      "--ray_address needs Ray: pip install 'awopt-agent[ray]'"
    ) from error
  return ray


def _knock(address: str) -> None:
  """Looks whether anybody is there: Ray itself would try for minutes."""
  host, _, port = address.removeprefix(_CLIENT).rpartition(':')
  if not host:
    return
  try:
    socket.create_connection((host.strip('[]'), int(port)), _KNOCK_S).close()
  except OSError as error:
    raise OSError(
      f'--ray_address {address}: nobody answers ({error}); start Ray there, or '
      'correct the address.'
    ) from error


def _join(ray, address: str, options: dict[str, Any]) -> None:
  # Ray takes SIGTERM for itself, and would end without saving.
  handler = signal.getsignal(signal.SIGTERM)
  try:
    with warnings.catch_warnings():
      warnings.simplefilter('ignore', UserWarning)
      ray.init(address, **options)
  except ray.exceptions.AuthenticationError as error:
    raise OSError(
      f'--ray_address {address}: Ray wants a token; put that of the cluster '
      f'into {_TOKEN}, or the path of its file into {_TOKEN_PATH}.'
    ) from error
  except (OSError, RuntimeError, ValueError) as error:
    reason = files.first_line(error).rstrip('.')
    raise OSError(
      f'--ray_address {address}: {reason}; see that Ray runs there, in the '
      'same version, and with the same token.'
    ) from error
  finally:
    signal.signal(signal.SIGTERM, handler)
