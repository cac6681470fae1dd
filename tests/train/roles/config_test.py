import pytest

from awopt_agent.train.roles import config


@pytest.mark.parametrize(
  'name', ['max_lead_steps', 'publish_every_s', 'max_target_age']
)
def test_refuses_what_is_not_positive(name):
  with pytest.raises(ValueError, match=f'RolesConfig.{name} must be > 0'):
    config.RolesConfig(**{name: 0})


def test_each_kind_of_role_asks_ray_for_its_own():
  ray = config.RayConfig(learner_cpus=4, collector_cpus=0.5)
  assert [ray.cpus(kind) for kind in ('replay', 'learner', 'collector')] == [
    *(1, 4, 0.5)
  ]


@pytest.mark.parametrize('name', ['replay_cpus', 'learner_gpus'])
def test_refuses_less_than_nothing_of_ray(name):
  with pytest.raises(ValueError, match=f'RayConfig.{name} must be >= 0'):
    config.RayConfig(**{name: -1})
