"""Workers that wait for each other where Python still hears signals.

TensorFlow waits for the other workers of a cluster without a limit, and in C++:
who waits there for one that never comes can only be killed. So they meet here
first, at the ports that TensorFlow takes afterwards.
"""

import contextlib
import ipaddress
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
  limit_s: float,
  check: Callable[[], None] = lambda: None,
) -> None:
  """Waits until all workers are there; says after a while who is not.

  Args:
    own: host:port at which this worker can be met.
    others: host:port of each other one.
    limit_s: Seconds.
    check: Called while it waits; what it raises ends the wait.

  Raises:
    OSError: If another program has this worker's port.
    TimeoutError: If a worker did not come.
  """
  missing = list(others)
  began = time.monotonic()
  patient_until = began + _PATIENCE_S
  with _open_doors(own):
    while missing := [other for other in missing if not _is_there(other)]:
      check()
      if time.monotonic() - began > limit_s:
        raise TimeoutError(
          f'{own} waited {limit_s:.0f} s for the worker {", ".join(missing)} '
          'of TF_CONFIG; start it, or mend its address.'
        )
      if time.monotonic() > patient_until:
        print(f'{own} waits for {", ".join(missing)}', flush=True)
        patient_until = float('inf')
      time.sleep(_PAUSE_S)


@contextlib.contextmanager
def _open_doors(own: str) -> Iterator[None]:
  """Listens where others look; the kernel answers whoever asks."""
  host, _, port = own.rpartition(':')
  with contextlib.ExitStack() as stack:
    for address in _addresses(host.strip('[]')):
      stack.enter_context(_open_door(address, int(port)))
    yield


def _addresses(host: str) -> list[str]:
  """Returns what a name means on this machine; '' is every interface.

  That it is where others know the name by another address than this machine
  does: that of a service before it, or loopback, as some have their own name.
  """
  try:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
  except OSError:
    return ['']
  ours = sorted(
    {str(info[4][0]) for info in found if _is_ours(str(info[4][0]))}
  )
  loops = all(ipaddress.ip_address(address).is_loopback for address in ours)
  is_meant = host == 'localhost' or host in ours
  return ours if ours and (is_meant or not loops) else ['']


def _is_ours(address: str) -> bool:
  try:
    socket.create_server((address, 0), family=_family(address)).close()
  except OSError:
    return False
  return True


def _family(address: str) -> socket.AddressFamily:
  return socket.AF_INET6 if ':' in address else socket.AF_INET


def _open_door(address: str, port: int) -> socket.socket:
  dual = not address and socket.has_dualstack_ipv6()
  try:
    # A visitor asks once: those of any cluster fit into the queue.
    return socket.create_server(
      (address, port),
      family=socket.AF_INET6 if dual else _family(address),
      dualstack_ipv6=dual,
      backlog=1024,
    )
  except OSError as error:
    raise OSError(
      f'cannot listen at port {port}, which TF_CONFIG gives this worker '
      f'({error.strerror}); end what listens there, or give it another port.'
    ) from None


def _is_there(address: str) -> bool:
  """Returns whether a worker listens: here still, or in TensorFlow already."""
  host, _, port = address.rpartition(':')
  try:
    with socket.create_connection((host.strip('[]'), int(port)), _ANSWER_S):
      return True
  except OSError:
    return False
