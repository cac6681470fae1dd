"""Workers that wait for each other where Python still hears signals.

TensorFlow waits for the other workers of a cluster without a limit, and in C++:
who waits there for one that never comes can only be killed. So they meet here
first, at the ports that TensorFlow takes afterwards.
"""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator, Sequence

__all__ = ['meet']

_PAUSE_S = 0.2
_ANSWER_S = 1.0
_PATIENCE_S = 10.0


def meet(
  own: str,
  others: Sequence[str],
  *,
  check: Callable[[], None] = lambda: None,
) -> None:
  """Waits until all workers are there; says after a while who is not.

  Args:
    own: host:port at which this worker can be met.
    others: host:port of each other one.
    check: Called while it waits; what it raises ends the wait.

  Raises:
    OSError: If another program has this worker's port.
  """
  missing = list(others)
  patient_until = time.monotonic() + _PATIENCE_S
  with _open_door(int(own.rpartition(':')[2])):
    while missing := [other for other in missing if not _is_there(other)]:
      check()
      if time.monotonic() > patient_until:
        print(f'{own} waits for {", ".join(missing)}', flush=True)
        patient_until = float('inf')
      time.sleep(_PAUSE_S)


@contextlib.contextmanager
def _open_door(port: int) -> Iterator[None]:
  """Listens at a port; the kernel answers whoever asks."""
  dual = socket.has_dualstack_ipv6()
  family = socket.AF_INET6 if dual else socket.AF_INET
  try:
    # A visitor asks once: those of any cluster fit into the queue.
    door = socket.create_server(
      ('', port), family=family, dualstack_ipv6=dual, backlog=1024
    )
  except OSError as error:
    raise OSError(
      f'cannot listen at port {port}, which TF_CONFIG gives this worker '
      f'({error.strerror}); end what listens there, or give it another port.'
    ) from None
  with door:
    yield


def _is_there(address: str) -> bool:
  """Returns whether a worker listens: here still, or in TensorFlow already."""
  host, _, port = address.rpartition(':')
  try:
    with socket.create_connection((host.strip('[]'), int(port)), _ANSWER_S):
      return True
  except OSError:
    return False
