import numpy as np
import pytest
import tensorflow as tf

from awopt_agent.experience import labelling
from awopt_agent.experience.wire import targets, weights
from awopt_agent.train import stopping
from awopt_agent.train.roles import bellman_updater
from tests.train import fakes as train_fakes
from tests.train.roles import casts

_ITERATORS = []


@pytest.fixture(name='cast', scope='module')
def _cast(tmp_path_factory):
  # One step, no lag: the target is the critic's own, by few numbers.
  return casts.make_context(tmp_path_factory.mktemp('run'))


@pytest.fixture(name='role', scope='module')
def _role(cast):
  role = casts.serve(cast)
  casts.demonstrations(role, cast)
  yield role
  role.close()


def publisher(role, agent):
  return weights.Publisher(
    role.connect(),
    weights.TARGET,
    [agent.train_step_counter, *agent.target_variables],
  )


def write(role, cast, count):
  """Runs an updater until it has written so many batches."""
  written = lambda: updater.batches if updater else 0  # noqa: E731
  updater = None
  updater = bellman_updater.BellmanUpdater(
    cast, casts.address(role), stop_requested=lambda: written() >= count
  )
  with pytest.raises(stopping.Stopped):
    updater.update()


def read(role, cast, count, step):
  """Returns the learner's next batches, with their targets."""
  meter = targets.TargetMeter(step, max_age=1000)
  dataset = targets.make_dataset(
    role.replay.client, cast.agent.training_data_spec, meter
  )
  # One that waits for more cannot end before the server does.
  _ITERATORS.append(iter(dataset))
  return [next(_ITERATORS[-1]) for _ in range(count)], meter


def whole_items(cast, steps):
  """Returns the items `[B, 2, ...]` of a demonstration that begin so."""
  episode = train_fakes.make_demonstration()
  info = cast.agent.collect_data_spec.policy_info
  experience = labelling.label_episode(
    episode,
    episode_id=0,
    policy_info=labelling.no_policy_info(info, episode.length),
  )
  rows = np.stack([steps, steps + 1], axis=1)
  return tf.nest.map_structure(
    lambda part: tf.convert_to_tensor(part[rows]), experience
  )


def test_targets_and_their_age_are_those_of_the_published_weights(
  role, cast, tmp_path
):
  agent = train_fakes.make_agent(seed=5)
  agent.train_step_counter.assign(7)
  publisher(role, agent).publish()
  other = casts.make_context(tmp_path, agent=train_fakes.make_agent(seed=9))
  write(role, other, 2)
  (batch, extra), meter = (
    read(role, cast, 1, agent.train_step_counter)[0][0],
    None,
  )
  assert meter is None
  # A demonstration's last step is terminal: its target is its reward, 1. The
  # first step's lies between 0 and gamma, whatever the critic says.
  step = batch.label.step[:, 0].numpy()
  last = step == batch.label.length[:, 0].numpy() - 1
  found = extra['target'].numpy()
  np.testing.assert_allclose(found[last], 1.0, atol=1e-6)
  assert (found[~last] > 0).all() and (found[~last] < 1).all()
  # Those of the published weights, and of no others.
  own = agent.bellman_targets(whole_items(cast, step)).numpy()
  np.testing.assert_allclose(found, own, atol=0.05)


def test_ends_when_the_learner_is_done(role, cast):
  publisher(role, cast.agent).publish(finished=True)
  updater = bellman_updater.BellmanUpdater(cast, casts.address(role))
  updater.update()
  assert updater.batches <= 1


def test_a_learner_that_computes_its_own_targets_is_told(tmp_path):
  cast = casts.make_context(tmp_path, roles={'wait_limit_s': 2.0})
  role = casts.serve(cast)
  try:
    updater = bellman_updater.BellmanUpdater(cast, casts.address(role))
    with pytest.raises(TimeoutError, match='--targets updaters'):
      updater.update()
  finally:
    role.close()
