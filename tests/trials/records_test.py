import dataclasses
import gzip

import pytest

from awopt_agent import statistics
from awopt_agent.trials import records
from tests.trials import fakes


def test_a_record_is_read_as_it_was_written(tmp_path):
  record = fakes.make_record()
  assert records.read(records.write(record, str(tmp_path))) == record


def test_a_record_has_its_place_by_the_trials_name(tmp_path):
  path = records.write(fakes.make_record(seed=2), str(tmp_path))
  assert path == f'{tmp_path}/bowl/awopt-2.jsonl.gz'
  assert path == records.path_of(str(tmp_path), 'bowl', 'awopt', 2)
  assert fakes.make_record(seed=2).trial == 'bowl/awopt/2'


def test_a_run_under_two_names_cost_its_time_once():
  record = fakes.make_record(cores=2)
  assert record.core_s == 53.0  # 2 * 26.5
  assert dataclasses.replace(record, same_as='awac').core_s == 0


def test_the_lines_are_as_documented(tmp_path):
  evaluated = fakes.make_point(
    'evaluate', 20, bindings=("make.world = 'real'",)
  )
  record = fakes.make_record(points=(evaluated,))
  with gzip.open(records.write(record, str(tmp_path)), 'rt') as file:
    header, point = file.read().splitlines()
  assert header == (
    '{"trial": "bowl/awopt/0", "grid": "bowl", "task": "green_bowl", '
    '"variant": "awopt", "seed": 0, "headline": "cem", "commit": '
    f'"{"0" * 40}", "sources": "abc", "config": '
    '"TrainConfig.pretrain_steps = 100\\n", "versions": {"tensorflow": '
    '"2.15.1"}, "seconds": 26.5, "cores": 1, "settings": "", "same_as": ""}'
  )
  # Wilson at 90%, z = 1.644854, z^2 = 2.705543: scale 1 + .676386 = 1.676386;
  # middle (.75 + .338193) / 1.676386 = .649130; half 1.644854 / 1.676386 *
  # sqrt(.75 * .25 / 4 + 2.705543 / 64) = .292963.
  assert point == (
    '{"phase": "evaluate", "learner_step": 120, "episodes": 20, "steps": 200, '
    '"seconds": 25.5, "success": {"actor": {"rate": 0.75, "n": 4, "low": '
    '0.3562, "high": 0.9421}}, "bindings": ["make.world = \'real\'"]}'
  )


def test_the_same_record_gives_the_same_bytes(tmp_path):
  one = records.write(fakes.make_record(), str(tmp_path / 'one'))
  two = records.write(fakes.make_record(), str(tmp_path / 'two'))
  with open(one, 'rb') as first, open(two, 'rb') as second:
    assert first.read() == second.read()


def test_a_new_record_replaces_the_old_one(tmp_path):
  records.write(fakes.make_record(seconds=1.0), str(tmp_path))
  records.write(fakes.make_record(seconds=2.0), str(tmp_path))
  (found,) = records.read_all(str(tmp_path))
  assert found.seconds == 2.0


def test_all_are_read_in_the_order_of_their_names(tmp_path):
  for grid, variant, seed in [('b', 'x', 0), ('a', 'y', 10), ('a', 'y', 9)]:
    record = fakes.make_record(grid=grid, variant=variant, seed=seed)
    records.write(record, str(tmp_path))
  names = [record.trial for record in records.read_all(str(tmp_path))]
  assert names == ['a/y/9', 'a/y/10', 'b/x/0']


def test_where_there_is_no_folder_there_are_no_records(tmp_path):
  assert records.read_all(str(tmp_path / 'none')) == []


@pytest.mark.parametrize(
  'content',
  [
    b'',
    b'text',
    gzip.compress(b'{"trial": "a/b/0"}\n'),
    gzip.compress(b'text', mtime=0)[:10] + b'\xff' * 20,
  ],
  ids=['empty', 'text', 'a header of little', 'a changed byte'],
)
def test_what_is_no_record_is_named_with_the_remedy(tmp_path, content):
  path = tmp_path / 'bowl' / 'awopt-0.jsonl.gz'
  path.parent.mkdir()
  path.write_bytes(content)
  with pytest.raises(ValueError, match='awopt-0.jsonl.gz holds no .* delete'):
    records.read_all(str(tmp_path))


def test_offline_the_actor_is_judged_where_one_learns():
  actor, cem = statistics.SuccessRate(1, 2), statistics.SuccessRate(2, 2)
  both = fakes.make_point(success={'cem': cem, 'actor': actor})
  assert fakes.make_record(headline='cem').judged(both) == actor
  alone = fakes.make_point(success={'cem': cem})
  assert fakes.make_record(headline='cem').judged(alone) == cem


def test_once_it_practises_the_headline_is_judged():
  record = fakes.make_record()
  assert record.judged(record.points[1]) == statistics.SuccessRate(700, 700)
  other = fakes.make_point('practice', 10)
  assert record.judged(other) is None
