import os

from awopt_agent.train.launching import local


def test_a_role_keeps_what_it_prints_and_its_exit_code(tmp_path):
  place = local.LocalPlace(str(tmp_path / 'logs'))
  handle = place.start('nobody', ['no_such_role'])
  assert handle.wait(60) == 2
  assert 'no_such_role' in place.last_line('nobody')


def test_makes_the_folder_of_logs(tmp_path):
  local.LocalPlace(str(tmp_path / 'a' / 'b'))
  assert os.path.isdir(tmp_path / 'a' / 'b')
