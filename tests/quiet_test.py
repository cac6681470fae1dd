import subprocess
import sys

_PROGRAM = """
from awopt_agent import quiet
import tensorflow
import tensorflow_datasets
import rlds
from awopt_agent import envs
environment = envs.make('green_bowl')
environment.reset()
environment.close()
print('done')
"""


def _run(program, tmp_path):
  # Without the settings that the tests themselves run with.
  return subprocess.run(
    [sys.executable, '-c', program],
    capture_output=True,
    text=True,
    env={'HOME': str(tmp_path), 'PATH': ''},
    check=True,
  )


def test_nothing_but_our_own_words_reaches_the_terminal(tmp_path):
  done = _run(_PROGRAM, tmp_path)
  assert (done.stdout, done.stderr) == ('done\n', '')


def test_the_package_alone_leaves_the_environment_as_it_is(tmp_path):
  # TensorFlow sets some variables of its own when it is imported.
  program = 'import awopt_agent, sys; print("awopt_agent.quiet" in sys.modules)'
  assert _run(program, tmp_path).stdout == 'False\n'
