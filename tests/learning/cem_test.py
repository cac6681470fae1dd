import numpy as np
import pytest
import tensorflow as tf

from awopt_agent.learning import cem

SEED = (7, 1)


def maximize(score_fn, *, batch=1, continuous=1, discrete=(), **kwargs):
  config = kwargs.pop('config', None) or cem.CemConfig()
  seed = tf.constant(kwargs.pop('seed', SEED), tf.int32)
  return cem.maximize(
    score_fn,
    batch_size=batch,
    continuous_size=continuous,
    discrete_sizes=discrete,
    seed=seed,
    config=config,
    **kwargs,
  )


def peak_at(*place):
  """A quadratic score: 0 at `place`, less elsewhere."""
  return lambda actions: -tf.reduce_sum((actions - [*place]) ** 2, axis=-1)


def candidates_of(score_fn, **kwargs):
  """Returns the result and each round's candidates."""
  seen = []

  def score(actions):
    seen.append(actions.numpy())
    return score_fn(actions)

  return maximize(score, **kwargs), seen


def numbered(*scores):
  """A score that gives the i-th candidate the i-th number."""
  return lambda actions: tf.constant([scores]) + 0 * actions[..., 0]


# A known optimum.


@pytest.mark.parametrize('seed', [(0, 0), (1, 0), (2, 5)])
def test_finds_an_interior_optimum(seed):
  config = cem.CemConfig(samples=128, elites=8, rounds=8)
  result = maximize(peak_at(0.3, -0.6), continuous=2, seed=seed, config=config)
  # The proposal narrows to min_std = 0.02 around the elites' mean.
  np.testing.assert_allclose(result.action, [[0.3, -0.6]], atol=0.02)
  np.testing.assert_allclose(
    result.score, peak_at(0.3, -0.6)(result.action), atol=1e-6
  )


@pytest.mark.parametrize('seed', [(0, 0), (1, 0), (2, 5)])
def test_finds_an_optimum_in_a_corner_exactly(seed):
  result = maximize(peak_at(2.0, -2.0), continuous=2, seed=seed)
  # Candidates are clipped, so the corner itself is among them.
  np.testing.assert_array_equal(result.action, [[1, -1]])
  np.testing.assert_allclose(result.score, [-2.0])  # -(2-1)^2 - (-2+1)^2


def test_finds_the_best_of_discrete_actions():
  worth = tf.constant([0.1, 0.2, 0.9, 0.3, 5.0, 4.0])  # groups of 4 and 2

  def score(actions):
    return tf.einsum('bna,a->bn', actions, worth)

  result = maximize(score, continuous=0, discrete=(4, 2))
  np.testing.assert_array_equal(result.action, [[0, 0, 1, 0, 1, 0]])
  np.testing.assert_allclose(result.score, [5.9])  # .9 + 5


def test_finds_the_best_of_mixed_actions():
  def score(actions):
    # With the switch on the best move is .5, and worth 1 more than the best
    # move with the switch off, -.5.
    move, on = actions[..., 0], actions[..., 2]
    return on - (move - (on - 0.5)) ** 2

  config = cem.CemConfig(samples=128, elites=8, rounds=6)
  result = maximize(score, discrete=(2,), config=config)
  np.testing.assert_allclose(result.action, [[0.5, 0, 1]], atol=0.02)
  np.testing.assert_allclose(result.score, [1.0], atol=1e-3)


def test_each_row_has_an_optimum_of_its_own():
  peaks = tf.constant([[-0.7], [0.0], [0.8]])
  config = cem.CemConfig(rounds=6)
  result = maximize(
    lambda actions: -((actions[..., 0] - peaks) ** 2), batch=3, config=config
  )
  np.testing.assert_allclose(result.action, peaks, atol=0.02)


# The candidates of each round.


def test_scores_rounds_times_samples_candidates():
  config = cem.CemConfig(samples=10, elites=3, rounds=4)
  _, seen = candidates_of(
    peak_at(0, 0, 0), batch=2, discrete=(2,), config=config
  )
  assert [actions.shape for actions in seen] == [(2, 10, 3)] * 4


def test_candidates_stay_in_bounds_and_one_hot():
  config = cem.CemConfig(samples=100, rounds=3, initial_std=5.0)
  _, seen = candidates_of(
    lambda actions: actions[..., 0], continuous=2, discrete=(3,), config=config
  )
  for actions in seen:
    assert np.all(np.abs(actions[..., :2]) <= 1)
    assert np.any(np.abs(actions[..., :2]) == 1)
    assert set(np.unique(actions[..., 2:])) <= {0, 1}
    np.testing.assert_array_equal(actions[..., 2:].sum(-1), 1)


def test_the_first_round_is_drawn_around_zero_with_the_initial_std():
  config = cem.CemConfig(samples=20_000, rounds=1, initial_std=0.2)
  _, (actions,) = candidates_of(peak_at(0), config=config)
  # Bounds of 5 standard errors: .2 / sqrt(20000) = .0014 for the mean, and
  # that over sqrt(2) for the standard deviation.
  assert abs(actions.mean()) < 0.0071
  assert abs(actions.std() - 0.2) < 0.005


def test_the_first_round_draws_discrete_values_evenly():
  config = cem.CemConfig(samples=20_000, rounds=1)
  _, (actions,) = candidates_of(
    lambda a: a[..., 0], continuous=0, discrete=(4,), config=config
  )
  # 5 standard errors of a share: 5 sqrt(.25 * .75 / 20000) = .0153.
  np.testing.assert_allclose(actions.mean((0, 1)), [0.25] * 4, atol=0.0153)


def test_elites_are_fitted_by_their_mean_and_std():
  elites = tf.constant(
    [
      [[0.2, -0.1], [0.4, 0.1], [0.6, 0.3]],
      [[-1.0, 0.5], [-1.0, 0.5], [0.5, 0.5]],
    ]
  )
  fit = cem._fit(elites, 2, (), cem.CemConfig(min_std=0.02))
  # Row 0: means (.2+.4+.6)/3, (-.1+.1+.3)/3; both variances
  # (.04 + 0 + .04) / 3 = .026667, whose root is .163299.
  # Row 1: mean (-1-1+.5)/3 = -.5, variance (.25+.25+1)/3 = .5, root .707107;
  # the second entry does not vary, so its deviation is the floor.
  np.testing.assert_allclose(fit.mean, [[[0.4, 0.1]], [[-0.5, 0.5]]], atol=1e-6)
  np.testing.assert_allclose(
    fit.std, [[[0.163299, 0.163299]], [[0.707107, 0.02]]], atol=1e-6
  )


def test_elites_of_discrete_parts_are_fitted_by_smoothed_shares():
  elites = tf.constant([[[1, 0, 0, 0, 1], [1, 0, 0, 0, 1], [0, 1, 0, 1, 0.0]]])
  fit = cem._fit(elites, 0, (3, 2), cem.CemConfig())
  # .95 * share + .05 / size: .95 * 2/3 + .05/3 = .65, .95/3 + .05/3 = .333333,
  # .05/3 = .016667; .95/3 + .025 = .341667, .95 * 2/3 + .025 = .658333.
  np.testing.assert_allclose(
    fit.probabilities[0], [[[0.65, 0.333333, 0.016667]]], atol=1e-6
  )
  np.testing.assert_allclose(
    fit.probabilities[1], [[[0.341667, 0.658333]]], atol=1e-6
  )


def test_the_best_candidates_become_elites():
  config = cem.CemConfig(samples=5, elites=2, rounds=2, min_std=0.0)
  # Candidates 1 and 3 score best. With 2 elites e and f, the next round is
  # drawn around (e + f) / 2 with standard deviation |e - f| / 2.
  _, (first, second) = candidates_of(
    numbered(0.0, 9.0, 1.0, 8.0, 2.0), config=config
  )
  e, f = first[0, 1, 0], first[0, 3, 0]
  fold = tf.random.experimental.stateless_fold_in(tf.constant(SEED), 1)
  noise = tf.random.stateless_normal(
    [5], tf.random.experimental.stateless_split(fold, 1)[0]
  )
  np.testing.assert_allclose(
    second[0, :, 0],
    np.clip((e + f) / 2 + abs(e - f) / 2 * noise.numpy(), -1, 1),
    rtol=1e-5,
  )


def test_one_elite_without_a_floor_is_repeated():
  config = cem.CemConfig(samples=4, elites=1, rounds=2, min_std=0.0)
  _, (first, second) = candidates_of(
    numbered(0.0, 0.0, 5.0, 0.0), config=config
  )
  np.testing.assert_allclose(second[0], [first[0, 2]] * 4)


def test_min_std_keeps_the_search_open():
  config = cem.CemConfig(samples=5000, elites=1, rounds=2, min_std=0.1)
  _, (_, second) = candidates_of(peak_at(0), config=config)
  # The one elite of 5000 is at 0, nearly; 5 standard errors of a deviation:
  # 5 * .1 / sqrt(2 * 5000) = .005.
  assert abs(second.std() - 0.1) < 0.005


# What is returned.


def test_keeps_the_best_of_all_rounds():
  rounds = iter([peak_at(0.5), lambda a: peak_at(0.5)(a) - 10.0])
  result, (first, _) = candidates_of(
    lambda actions: next(rounds)(actions), config=cem.CemConfig(rounds=2)
  )
  best = first[0, np.argmin(np.abs(first[0, :, 0] - 0.5))]
  np.testing.assert_array_equal(result.action, [best])
  np.testing.assert_allclose(result.score, [-((best[0] - 0.5) ** 2)], rtol=1e-5)


def test_a_later_round_wins_where_it_is_better():
  rounds = iter([peak_at(0.5), lambda a: peak_at(0.5)(a) + 10.0])
  result, (_, second) = candidates_of(
    lambda actions: next(rounds)(actions), config=cem.CemConfig(rounds=2)
  )
  best = second[0, np.argmin(np.abs(second[0, :, 0] - 0.5))]
  np.testing.assert_array_equal(result.action, [best])


def test_the_candidate_wins_in_the_rows_where_it_scores_higher():
  # One round of a few samples misses a peak of width .001 at .25.
  def score(actions):
    move = actions[..., 0]
    return tf.where(tf.abs(move - 0.25) < 1e-3, 3.0, move)

  result = maximize(
    score,
    batch=3,
    config=cem.CemConfig(samples=8, elites=2, rounds=1, initial_std=9.0),
    candidate=tf.constant([[0.25], [0.9], [1.0]]),
  )
  # Row 0: 3 beats CEM's 1; row 1: .9 does not; row 2: a tie of 1 and 1.
  np.testing.assert_allclose(result.action, [[0.25], [1.0], [1.0]])
  np.testing.assert_allclose(result.score, [3.0, 1.0, 1.0])


def test_a_tie_goes_to_what_cem_saw_first():
  config = cem.CemConfig(samples=8, elites=2, rounds=3)
  result, (first, *_) = candidates_of(
    lambda actions: tf.zeros_like(actions[..., 0]),
    config=config,
    candidate=tf.constant([[0.123]]),
  )
  np.testing.assert_array_equal(result.action, first[:, 0])


def test_the_candidate_does_not_change_the_search():
  config = cem.CemConfig(samples=8, elites=2, rounds=3)
  _, alone = candidates_of(peak_at(0.4), config=config)
  _, with_candidate = candidates_of(
    peak_at(0.4), config=config, candidate=tf.constant([[0.5]])
  )
  assert len(with_candidate) == 4
  np.testing.assert_array_equal(alone, with_candidate[:3])
  np.testing.assert_array_equal(with_candidate[3], [[[0.5]]])


def test_in_each_round_the_candidate_may_become_an_elite():
  config = cem.CemConfig(
    samples=8,
    elites=1,
    rounds=2,
    initial_std=0.01,
    min_std=0.01,
    candidate='each_round',
  )
  result, rounds = candidates_of(
    peak_at(0.9), config=config, candidate=tf.constant([[0.8]])
  )
  assert [len(actions[0]) for actions in rounds] == [9, 9]
  np.testing.assert_allclose([r[0, -1] for r in rounds], [[0.8], [0.8]])
  # All draws of round one lie near 0, so .8 is its elite; round two is drawn
  # around it, and its best is beyond.
  assert np.all(np.abs(rounds[0][0, :-1]) < 0.06)
  assert np.all(np.abs(rounds[1][0, :-1] - 0.8) < 0.06)
  assert result.action[0, 0] > 0.8


def test_a_first_mean_moves_the_first_round():
  config = cem.CemConfig(samples=20_000, rounds=1, initial_std=0.1)
  _, (actions,) = candidates_of(
    lambda a: a[..., 0],
    discrete=(2,),
    config=config,
    first_mean=tf.constant([[0.4, 0.0, 1.0]]),
  )
  # Five standard errors of .1: .0035. The group keeps 5%, spread evenly over
  # both values: .025; five standard errors of a share are .0055.
  mean = actions.mean((0, 1))
  np.testing.assert_allclose(mean[0], 0.4, atol=0.0036)
  np.testing.assert_allclose(mean[1:], [0.025, 0.975], atol=0.0056)


def test_the_centre_is_where_a_search_begins_by_itself():
  config = cem.CemConfig(samples=32, rounds=2)
  kinds = {'continuous': 2, 'discrete': (3,), 'config': config}
  _, alone = candidates_of(wavy, **kinds)
  middle = cem.centre(2, (3,))
  np.testing.assert_allclose(middle, [0, 0, 1 / 3, 1 / 3, 1 / 3])
  _, around = candidates_of(wavy, first_mean=middle[tf.newaxis], **kinds)
  np.testing.assert_array_equal(alone, around)


# Chance.


def wavy(actions):
  return tf.sin(9 * actions[..., 0]) + tf.cos(7 * actions[..., 1])


def test_equal_seeds_give_equal_results():
  one = maximize(wavy, batch=3, continuous=2, discrete=(3,))
  two = maximize(wavy, batch=3, continuous=2, discrete=(3,))
  np.testing.assert_array_equal(one.action, two.action)
  np.testing.assert_array_equal(one.score, two.score)


def test_different_seeds_give_different_results():
  actions = [
    maximize(wavy, continuous=2, seed=seed).action.numpy().tobytes()
    for seed in [(0, 0), (1, 0), (0, 1)]
  ]
  assert len(set(actions)) == 3


def test_rounds_draw_different_numbers():
  config = cem.CemConfig(samples=8, elites=8, rounds=3)
  _, seen = candidates_of(peak_at(0), config=config)
  for one, two in [(0, 1), (1, 2)]:
    a, b = (seen[i][0, :, 0] for i in (one, two))

    def standard(x):
      return (x - x.mean()) / x.std()

    assert not np.allclose(standard(a), standard(b), atol=0.01)


def test_a_row_does_not_depend_on_its_batch():
  peaks = np.linspace(-0.9, 0.9, 7, dtype=np.float32)[:, np.newaxis]
  config = cem.CemConfig(samples=16, elites=4, rounds=3)

  def run(rows):
    def score(a):
      return -((a[..., 0] - peaks[rows]) ** 2) + 0.3 * a[..., 2]

    return maximize(score, batch=len(rows), discrete=(2,), config=config)

  whole = run(np.arange(7))
  for rows in ([0], [6], [3, 1], [5, 5, 0, 2]):
    part = run(np.array(rows))
    np.testing.assert_array_equal(part.action, whole.action.numpy()[rows])
    np.testing.assert_array_equal(part.score, whole.score.numpy()[rows])


def test_gives_the_same_inside_a_function_of_any_batch_size():
  peaks = tf.constant([[-0.5], [0.2], [0.7]])

  @tf.function(
    autograph=False, input_signature=[tf.TensorSpec([None, 1], tf.float32)]
  )
  def run(places):
    return maximize(
      lambda actions: -((actions[..., 0] - places) ** 2),
      batch=tf.shape(places)[0],
    )

  eager = maximize(lambda a: -((a[..., 0] - peaks) ** 2), batch=3)
  np.testing.assert_allclose(run(peaks).action, eager.action, atol=1e-6)
  assert run(peaks[:1]).action.shape == (1, 1)


# Configuration.


@pytest.mark.parametrize(
  ('wrong', 'name'),
  [
    ({'samples': 4, 'elites': 5}, 'elites'),
    ({'elites': 0}, 'elites'),
    ({'rounds': 0}, 'rounds'),
    ({'initial_std': 0.0}, 'initial_std'),
    ({'min_std': -0.1}, 'min_std'),
    ({'candidate': 'never'}, 'candidate'),
  ],
)
def test_a_wrong_configuration_is_named(wrong, name):
  with pytest.raises(ValueError, match=name):
    cem.CemConfig(**wrong)


def test_the_defaults_are_qt_opts():
  config = cem.CemConfig()
  assert (config.samples, config.elites, config.rounds) == (64, 6, 2)


def test_a_candidate_that_the_search_found_itself_has_not_won():
  """One group of two values: every round draws both."""
  result = cem.maximize(
    lambda actions: actions[..., 1],
    batch_size=1,
    continuous_size=0,
    discrete_sizes=(2,),
    seed=tf.constant([0, 1]),
    config=cem.CemConfig(samples=64, elites=4),
    candidate=tf.constant([[0.0, 1.0]]),
  )
  np.testing.assert_array_equal(result.action, [[0, 1]])
  np.testing.assert_array_equal(result.candidate_won, [False])


@pytest.mark.parametrize('candidate', ['end', 'each_round'])
def test_a_candidate_that_is_better_has_won(candidate):
  narrow = cem.CemConfig(
    samples=4, elites=1, rounds=1, initial_std=0.01, candidate=candidate
  )
  result = cem.maximize(
    lambda actions: actions[..., 0],
    batch_size=2,
    continuous_size=1,
    discrete_sizes=(),
    seed=tf.constant([0, 1]),
    config=narrow,
    candidate=tf.constant([[0.9], [-0.9]]),
  )
  np.testing.assert_array_equal(result.candidate_won, [True, False])
