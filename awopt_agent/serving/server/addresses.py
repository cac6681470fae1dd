"""Which addresses other machines reach."""

import ipaddress

__all__ = ['is_loopback']


def is_loopback(host: str) -> bool:
  """Tells whether only this machine reaches an address."""
  try:
    return ipaddress.ip_address(host).is_loopback
  except ValueError:
    return host == 'localhost'
