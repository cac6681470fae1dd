import json
import os

import pytest

from awopt_agent import statistics
from awopt_agent.trials import collecting, trial_folder
from tests.trials import fakes

_CONFIG = "# Agent.\nAwOptAgent.headline = 'cem'\nA.x = 1\n"


def _rate(successes, episodes):
  return statistics.SuccessRate(successes, episodes).as_record()


def _metrics():
  at = {'learner_step': 10, 'episodes': 0, 'steps': 0, 'time': 1004.0}
  end = {'learner_step': 20, 'episodes': 5, 'steps': 50, 'time': 1007.0}
  return [
    {'phase': 'pretrain', **at, 'success': {'actor': _rate(1, 4)}},
    {'phase': 'end', **end, 'success': {'cem': _rate(3, 7)}},
    {
      'phase': 'evaluate',
      'learner_step': 20,
      'seed': 0,
      'bindings': ['make.world = "real"'],
      'success': {'cem': _rate(0, 7)},
    },
  ]


@pytest.fixture(name='make')
def _make(tmp_path):
  """Makes the folder of a trial that ran from 1000 s to 1009 s."""

  def make(metrics, config=_CONFIG):
    times = iter([1000.0, 1009.0])
    folder = trial_folder.TrialFolder(
      str(tmp_path), 'bowl/awopt/0', clock=lambda: next(times, 2000.0)
    )
    folder.begin(fakes.IDENTITY, 'head')
    folder.pause(ended=True)
    with open(os.path.join(folder.path, 'metrics.jsonl'), 'w') as file:
      file.writelines(json.dumps(record) + '\n' for record in metrics)
    with open(os.path.join(folder.path, 'config.gin'), 'w') as file:
      file.write(config)
    return folder

  return make


def test_a_peers_record_tells_its_libraries_too(make):
  folder = make(_metrics())
  with open(os.path.join(folder.path, 'peer.json'), 'w') as file:
    versions = {'d3rlpy': '2.8.1', 'torch': '2.14', 'numpy': '2.4'}
    json.dump({'peer': 'iql', 'versions': versions}, file)
  versions = collecting.collect(fakes.make_trial(), folder).versions
  assert (versions['d3rlpy'], versions['torch']) == ('2.8.1', '2.14')
  assert versions['numpy'].startswith('1.')  # Ours.


def test_a_record_holds_what_the_run_left(make):
  record = collecting.collect(fakes.make_trial(seed=3), make(_metrics()))
  assert record.trial == 'bowl/awopt/3'
  assert (record.task, record.headline) == ('green_bowl', 'cem')
  assert (record.sources, record.settings) == ('abc', 'def')
  assert record.commit == 'head'
  assert record.config == _CONFIG
  assert (record.seconds, record.cores) == (9, 1)
  assert record.versions['tensorflow'].startswith('2.15')
  phases = [(p.phase, p.learner_step, p.seconds) for p in record.points]
  assert phases == [('pretrain', 10, 4), ('end', 20, 7), ('evaluate', 20, 9)]
  assert record.points[0].success == {'actor': statistics.SuccessRate(1, 4)}


def test_an_evaluation_is_of_the_end(make):
  record = collecting.collect(fakes.make_trial(), make(_metrics()[::-1]))
  last = record.points[-1]
  assert (last.phase, last.episodes, last.steps) == ('evaluate', 5, 50)
  assert last.bindings == ('make.world = "real"',)
  assert record.judged(last) == statistics.SuccessRate(0, 7)


def test_without_a_measurement_of_the_end_there_is_no_record(make):
  with pytest.raises(ValueError, match='no measurement of the end'):
    collecting.collect(fakes.make_trial(), make(_metrics()[:1]))


def test_a_method_without_a_headline_is_judged_by_its_actor():
  assert collecting.headline_of('A.x = 1\n') == 'actor'
  assert collecting.headline_of(_CONFIG) == 'cem'
