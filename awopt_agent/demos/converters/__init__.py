"""Reads the data sets of others as a stream of stored episodes."""

from awopt_agent.demos.converters.formats import (
  FORMATS,
  find_format,
  options_of,
  read,
)

__all__ = ['FORMATS', 'find_format', 'options_of', 'read']
