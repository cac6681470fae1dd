"""Passes lines from stdin to stderr, but for other libraries' notices.

A program of its own, run by its path (see `quiet.drop_native_notices`): it
imports nothing that takes time.
"""

import os
import re
import sys

__all__: list[str] = []

_NOTICE = re.compile(
  rb'\[reverb/cc/\S+\] +('
  rb'Initializing TFRecordCheckpointer|Loading latest checkpoint|'
  rb'Loading checkpoint from|Loading and verifying metadata|'
  rb'Metadata for table .* was successfully|Successfully loaded|'
  rb'Still reading|Completed reading|'
  rb'Table \S+ and \d+ items have been successfully|'
  rb'Started replay server|Stored checkpoint|Shutting down replay server|'
  rb'Sampler and server are owned)'
  # Ray, of each attempt to connect; the last one's failure is an exception.
  rb'|\[[\d :,-]+ W \d+ \d+\] (gcs_client|rpc_client)\.\w+:'
  # libjpeg, of each damaged picture, which is refused with its reason.
  rb'|(Improper call to JPEG library|Input file read error|'
  rb'Corrupt JPEG data|Premature end of JPEG file|Not a JPEG file)'
)


def main() -> None:
  for line in sys.stdin.buffer:
    if not _NOTICE.match(line):
      os.write(2, line)


if __name__ == '__main__':
  main()
