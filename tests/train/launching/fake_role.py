"""What stands for awopt-role where only its process matters."""

import os
import signal
import sys


def main():
  print('role:', os.getpid(), *sys.argv[1:], flush=True)
  if '--fail' in sys.argv:
    sys.exit('role: no such thing')
  signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
  signal.sigwait([signal.SIGTERM])
  print('role: stopped', flush=True)


if __name__ == '__main__':
  main()
