import pytest

from awopt_agent.train.roles import config


@pytest.mark.parametrize(
  'name', ['max_lead_steps', 'publish_every_s', 'max_target_age']
)
def test_refuses_what_is_not_positive(name):
  with pytest.raises(ValueError, match=f'RolesConfig.{name} must be > 0'):
    config.RolesConfig(**{name: 0})
