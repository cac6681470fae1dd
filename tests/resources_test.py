import os

import pytest

from awopt_agent import resources


def make_package(folder):
  package = folder / 'awopt_agent'
  package.mkdir()
  return package


def test_a_wheel_carries_its_files_inside_the_package(tmp_path):
  package = make_package(tmp_path)
  carried = package / '_resources' / 'gin'
  carried.mkdir(parents=True)
  assert resources._find('gin', str(package)) == str(carried)


def test_a_checkout_has_them_beside_the_package(tmp_path):
  package = make_package(tmp_path)
  (tmp_path / 'setup.py').touch()
  (tmp_path / 'data').mkdir()
  assert resources._find('data', str(package)) == str(tmp_path / 'data')


def test_gin_config_in_site_packages_is_not_ours(tmp_path):
  package = make_package(tmp_path)
  (tmp_path / 'gin').mkdir()
  with pytest.raises(FileNotFoundError, match='install awopt-agent again'):
    resources._find('gin', str(package))


def test_both_folders_are_found_from_any_working_directory(
  tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  assert os.path.isfile(
    os.path.join(resources.gin_root(), 'run', 'quickstart.gin')
  )
  assert os.path.isdir(os.path.join(resources.data_root(), 'green_bowl_demos'))
