import os

import pytest

from awopt_agent.trials import commands, suite
from tests.trials import fakes


def test_a_training_gets_files_before_bindings_and_its_seed():
  command = commands.training(fakes.make_trial(seed=2), '/runs/x')
  assert command == (
    'awopt_agent.train.train',
    [
      '--gin_file=task/green_bowl.gin',
      '--gin_file=variant/awopt.gin',
      '--gin_bindings=TrainConfig.pretrain_steps = 10',
      '--root_dir=/runs/x',
      '--seed=2',
    ],
  )


def test_a_file_of_the_users_is_named_by_its_whole_path(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'mine.gin').write_text('')
  trial = fakes.make_trial(gin_files=('mine.gin', 'variant/bc.gin'))
  _, arguments = commands.training(trial, '/runs/x')
  assert arguments[:2] == [
    f'--gin_file={tmp_path}/mine.gin',
    '--gin_file=variant/bc.gin',
  ]


def test_a_peer_is_trained_by_its_own_program():
  trial = fakes.make_trial(variant='d3rlpy_cal_ql')
  module, arguments = commands.training(trial, '/runs/x', d3rlpy='/e/python')
  assert module == 'awopt_agent.trials.peers.train'
  assert arguments[-2:] == ['--peer=cal_ql', '--d3rlpy=/e/python']


def test_an_evaluation_measures_the_policy_in_its_own_episodes():
  wanted = suite.Evaluation(["make.world = 'real'"], 612)
  trial = fakes.make_trial(seed=2, evaluation=wanted)
  assert commands.evaluation(trial, '/runs/x', 'actor') == (
    'awopt_agent.train.evaluate',
    [
      '--root_dir=/runs/x',
      '--policy=actor',
      '--episodes=612',
      '--seed=2',
      '--videos=0',
      "--gin_bindings=make.world = 'real'",
    ],
  )


def test_a_recording_goes_to_another_folder():
  line = 'record --task x --gin_bindings "A.x = 1" --out demos/x --all'
  assert commands.recording(line, '/tmp/x').arguments == [
    *('record', '--task', 'x', '--gin_bindings', 'A.x = 1'),
    *('--out', '/tmp/x', '--all'),
  ]


@pytest.mark.parametrize('code', [0, 3])
def test_a_program_runs_on_its_core_in_its_folder(tmp_path, code):
  core = max(os.sched_getaffinity(0))
  command = commands.Command('tests.trials.fake_program', [f'--exit={code}'])
  process = commands.start(
    command, log=str(tmp_path / 'log'), core=core, cwd=str(tmp_path)
  )
  assert process.wait(timeout=60) == code
  assert (tmp_path / 'log').read_text() == f'in {tmp_path} on [{core}]\n'
