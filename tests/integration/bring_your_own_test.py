"""A newcomer follows docs/bring-your-own.md, word by word."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.programs

ROOT = pathlib.Path(__file__).parents[2]
PAGE = (ROOT / 'docs' / 'bring-your-own.md').read_text(encoding='utf-8')

# As they are called where nothing is installed.
_PROGRAMS = {
  'python': '',
  'awopt-demos': '-m awopt_agent.train.demos_cli',
  'awopt-train': '-m awopt_agent.train.train',
}


def _file(name):
  """Returns the first block behind the words that introduce a file."""
  return re.search(rf'`{name}` .*?```\w*\n(.*?)```', PAGE, re.DOTALL)[1]


def _commands():
  """Returns the example's commands, one a line."""
  block = re.search(r'```\n(export PYTHONPATH=.*?)```', PAGE, re.DOTALL)[1]
  return block.replace('\\\n', ' ').splitlines()


@pytest.fixture(name='folder', scope='module')
def _folder(tmp_path_factory):
  pytest.importorskip('gymnasium')
  folder = tmp_path_factory.mktemp('reach')
  for name in ('reach.py', 'demonstrate.py', 'reach.gin'):
    (folder / name).write_text(_file(name))
  # Shorter than on the page; how well it learns is not at stake here.
  with (folder / 'reach.gin').open('a') as file:
    file.write(
      'TrainConfig.pretrain_steps = 20\n'
      'TrainConfig.practice_episodes = 16\n'
      'TrainConfig.round_steps = 32\n'
      'TrainConfig.final_eval_episodes = 16\n'
    )
  return folder


def _run(folder, command):
  program, rest = command.split(' ', 1)
  done = subprocess.run(
    f'{sys.executable} {_PROGRAMS[program]} {rest}',
    shell=True,
    cwd=folder,
    env={
      'HOME': str(folder),
      'PATH': os.environ['PATH'],
      'PYTHONPATH': os.pathsep.join(['.', str(ROOT), *sys.path]),
    },
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stdout + done.stderr
  return done.stdout


def test_the_example_runs_as_it_stands_on_the_page(folder):
  _, *commands = _commands()
  outputs = [_run(folder, command) for command in commands]
  assert len(outputs) == 5
  assert outputs[1].startswith('demos/reach/1.0.0: train 10 episodes')
  assert outputs[2].endswith('demos/reach: fit\n')
  assert (folder / 'reach.html').read_text().startswith('<!doctype html>')
  assert outputs[4].splitlines()[-1].startswith('learnt: success ')


def test_every_verb_and_binding_of_the_page_exists():
  from awopt_agent.demos import demonstrations, mapping
  from awopt_agent.train import demos_flags

  bound = set(re.findall(r'`Mapping\.(\w+)`', PAGE))
  assert bound == set(mapping.Mapping.__dataclass_fields__)
  named = set(re.findall(r'/Demonstrations\.(\w+)', PAGE))
  assert named <= set(demonstrations.Demonstrations.__dataclass_fields__)
  for line in re.findall(r'^awopt-demos ((?:.*\\\n)*.*)', PAGE, re.MULTILINE):
    demos_flags.parse(line.replace('\\\n', ' ').replace("'", '').split())
