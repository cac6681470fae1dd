import asyncio
import threading
import time

import numpy as np
import pytest

from awopt_agent.serving.server import batching


class Doubling:
  """Doubles; waits until it may, refuses rows of 13, and fails at 17."""

  def __init__(self):
    self.batches = []
    self.go = threading.Event()
    self.entered = threading.Semaphore(0)

  def run(self, signature, arrays):
    self.batches.append((signature, arrays['x'].tolist()))
    self.entered.release()
    assert self.go.wait(10)
    self.check(signature, arrays)
    if 17 in arrays['x']:
      raise ArithmeticError('17 is too much')
    return {'y': 2 * arrays['x']}

  def check(self, signature, arrays):
    if 13 in arrays['x']:
      raise ValueError('13 brings bad luck')


def run(body):
  return asyncio.run(asyncio.wait_for(body, 20))


async def held(predictor, batcher, requests, first=0):
  """Runs requests behind one that holds the thread; returns all answers."""

  def ask(values, signature='double', batched=True, by=predictor):
    arrays = {'x': np.int32(values)}
    rows = len(values) if batched else None
    return asyncio.ensure_future(batcher.run(by, signature, arrays, rows))

  tasks = [ask([first])]
  await asyncio.to_thread(predictor.entered.acquire)
  tasks += [ask(*one) for one in requests]
  await asyncio.sleep(0.01)
  predictor.go.set()
  answers = await asyncio.gather(*tasks, return_exceptions=True)
  return [
    answer if isinstance(answer, Exception) else answer['y'].tolist()
    for answer in answers
  ]


@pytest.fixture(name='predictor')
def _predictor():
  return Doubling()


@pytest.fixture(name='batcher')
def _batcher():
  batcher = batching.Batcher(most_rows=4, most_waiting=6)
  yield batcher
  batcher.close()


def test_what_waits_is_joined_and_each_gets_its_rows(predictor, batcher):
  answers = run(held(predictor, batcher, [([1],), ([2, 3],), ([4],)]))
  assert answers == [[0], [2], [4, 6], [8]]
  assert predictor.batches == [('double', [0]), ('double', [1, 2, 3, 4])]


def test_who_comes_alone_is_computed_alone(predictor, batcher):
  predictor.go.set()

  async def ask():
    for value in range(3):
      await batcher.run(predictor, 'double', {'x': np.int32([value])}, 1)

  run(ask())
  assert [rows for _, rows in predictor.batches] == [[0], [1], [2]]


def test_those_who_were_here_together_are_awaited(
  predictor, batcher, monkeypatch
):
  monkeypatch.setattr(batching, '_COMPANY_S', 1.0)  # On any machine.

  async def ask():
    first = ask_for(batcher, predictor, 0)
    await asyncio.to_thread(predictor.entered.acquire)
    others = [ask_for(batcher, predictor, value) for value in (1, 2)]
    await asyncio.sleep(0.01)
    predictor.go.set()
    await asyncio.gather(first, *others)
    batcher._took_s = [2.0]
    again = [ask_for(batcher, predictor, 3)]
    await asyncio.sleep(0.01)
    again.append(ask_for(batcher, predictor, 4))
    await asyncio.gather(*again)
    # Who comes now waits no longer than a batch takes, and so in vain.
    batcher._took_s = [0.02]
    await ask_for(batcher, predictor, 5)
    # It was alone then, and so is the next one.
    batcher._took_s = [2.0]
    started_s = time.monotonic()
    await ask_for(batcher, predictor, 6)
    assert time.monotonic() - started_s < 0.9

  run(ask())
  assert [rows for _, rows in predictor.batches] == [
    [0],
    [1, 2],
    [3, 4],
    [5],
    [6],
  ]


def test_a_full_batch_awaits_nobody(predictor, batcher, monkeypatch):
  predictor.go.set()
  monkeypatch.setattr(batching, '_COMPANY_S', 10.0)
  batcher._expected, batcher._took_s = 9, [10.0]

  async def ask():
    await asyncio.gather(*[ask_for(batcher, predictor, 7) for _ in range(4)])

  started_s = time.monotonic()
  run(ask())
  assert time.monotonic() - started_s < 9
  assert predictor.batches[-1] == ('double', [7] * 4)


def test_a_batch_has_no_more_rows_than_it_may(predictor, batcher):
  run(held(predictor, batcher, [([1, 2, 3],), ([4, 5],), ([6],), ([7],)]))
  # 3 + 2 would be 5; what fits joins, and nobody is forgotten.
  assert [rows for _, rows in predictor.batches] == [
    [0],
    [1, 2, 3, 6],
    [4, 5, 7],
  ]


def test_one_may_have_more_rows_than_are_joined(predictor, batcher):
  answers = run(held(predictor, batcher, [([1] * 9,), ([2],)]))
  assert answers[1] == [2] * 9
  assert [len(rows) for _, rows in predictor.batches] == [1, 9, 1]


def test_signatures_and_versions_are_not_mixed(predictor, batcher):
  other = Doubling()
  other.go.set()
  run(
    held(
      predictor,
      batcher,
      [
        ([1], 'double'),
        ([2], 'twice'),
        ([3], 'double', True, other),
        ([4], 'twice'),
      ],
    )
  )
  assert predictor.batches[1:] == [('double', [1]), ('twice', [2, 4])]
  assert other.batches == [('double', [3])]


def test_what_takes_no_batch_is_computed_alone(predictor, batcher):
  run(held(predictor, batcher, [([1], 'b', False), ([2], 'b', False)]))
  assert predictor.batches[1:] == [('b', [1]), ('b', [2])]


def test_a_bad_request_does_not_fail_its_neighbours(predictor, batcher):
  answers = run(held(predictor, batcher, [([1],), ([13],), ([2],), ([13],)]))
  assert (answers[1], answers[3]) == ([2], [4])
  assert all(isinstance(answers[at], ValueError) for at in (2, 4))
  rows = [rows for _, rows in predictor.batches]
  assert rows == [[0], [1, 13, 2, 13], [1, 2]]


def test_bad_requests_alone_are_all_refused(predictor, batcher):
  answers = run(held(predictor, batcher, [([13],), ([13],)]))
  assert [type(answer) for answer in answers[1:]] == [ValueError] * 2
  assert [rows for _, rows in predictor.batches] == [[0], [13, 13]]


def test_what_fails_when_it_is_computed_fails_alone(predictor, batcher):
  answers = run(held(predictor, batcher, [([1],), ([17],), ([13],), ([2],)]))
  kinds = [type(answer) for answer in answers]
  assert kinds == [list, list, ArithmeticError, ValueError, list]
  rows = [rows for _, rows in predictor.batches]
  assert rows == [[0], [1, 17, 13, 2], [1, 17, 2], [1], [17], [2]]


def test_refuses_when_too_many_wait(predictor, batcher):
  answers = run(held(predictor, batcher, [([i],) for i in range(1, 8)]))
  assert isinstance(answers[7], batching.Full)
  assert answers[6] == [12]


def ask_for(batcher, predictor, value):
  return asyncio.ensure_future(
    batcher.run(predictor, 'double', {'x': np.int32([value])}, 1)
  )


def test_who_has_gone_is_not_computed(predictor, batcher):
  async def ask():
    first = ask_for(batcher, predictor, 0)
    await asyncio.to_thread(predictor.entered.acquire)
    others = [ask_for(batcher, predictor, value) for value in (1, 2)]
    await asyncio.sleep(0.01)
    others[0].cancel()
    await asyncio.sleep(0.01)
    predictor.go.set()
    await asyncio.wait([first, *others])

  run(ask())
  assert [rows for _, rows in predictor.batches] == [[0], [2]]


def test_closing_answers_those_who_wait(predictor):
  batcher = batching.Batcher(most_rows=4, most_waiting=6)

  async def ask():
    tasks = [ask_for(batcher, predictor, 0)]
    await asyncio.to_thread(predictor.entered.acquire)
    tasks.append(ask_for(batcher, predictor, 1))
    await asyncio.sleep(0.01)
    closing = asyncio.ensure_future(asyncio.to_thread(batcher.close))
    await asyncio.sleep(0.05)
    with pytest.raises(batching.Full):
      await batcher.run(predictor, 'double', {'x': np.int32([5])}, 1)
    predictor.go.set()
    await closing
    return await asyncio.gather(*tasks)

  assert [answer['y'].tolist() for answer in run(ask())] == [[0], [2]]
  assert not batcher.is_alive


def test_tells_the_sizes_of_batches(predictor):
  seen = []
  batcher = batching.Batcher(
    most_rows=4, most_waiting=6, observe=lambda *sizes: seen.append(sizes)
  )
  run(held(predictor, batcher, [([1, 2],), ([3],)]))
  batcher.close()
  assert seen == [(1, 1), (2, 3)]
