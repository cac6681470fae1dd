import threading

import pytest

from awopt_agent.serving.server import versions
from tests.serving.server import fakes


@pytest.fixture(name='source')
def _source(predictor):
  return fakes.Source(predictor)


def test_the_next_version_serves_once_it_is_prepared(source, predictor, other):
  prepared, go = [], threading.Event()

  def prepare(one):
    prepared.append(one)
    assert one is predictor or go.wait(20)

  found = versions.Versions(source, prepare=prepare)
  assert found.current.version == 30 and prepared == [predictor]
  source.predictor = other
  fakes.wait_for(lambda: len(prepared) == 2)
  # The one before goes on meanwhile.
  assert found.current.predictor is predictor
  assert found.states() == {30: 'AVAILABLE'}
  go.set()
  fakes.wait_for(lambda: found.current.version == 40)
  assert found.current.predictor is other
  assert found.states() == {40: 'AVAILABLE', 30: 'END'}
  source.predictor = predictor  # Taken back.
  fakes.wait_for(lambda: found.current.version == 30)
  assert found.states() == {40: 'END', 30: 'AVAILABLE'}
  found.close()


def test_one_that_does_not_answer_is_skipped_with_a_line(
  source, predictor, other
):
  lines, tried = [], []

  def prepare(one):
    tried.append(one)
    if one is other:
      raise FloatingPointError('not finite\nat all')

  found = versions.Versions(source, prepare=prepare, report=lines.append)
  source.predictor = other
  fakes.wait_for(lambda: lines)
  fakes.wait_for(lambda: not found._stopped.wait(0.5))
  assert lines == ['version 40 does not answer, and is skipped: not finite']
  assert tried == [predictor, other]  # And not again and again.
  assert found.current.version == 30
  found.close()


def test_the_first_version_must_answer(source):
  def prepare(one):
    raise FloatingPointError('not finite')

  with pytest.raises(FloatingPointError):
    versions.Versions(source, prepare=prepare)


def test_tells_the_signatures_of_the_saved_model(source):
  found = versions.Versions(source, prepare=lambda one: None)
  inputs = found.current.signature_defs['action'].inputs
  assert set(inputs) == {'camera', 'gripper'}
  found.close()
