import pytest

from awopt_agent.serving import export, predictor
from tests.serving.server import fakes


@pytest.fixture(name='policies', scope='session')
def _policies(tmp_path_factory):
  """Versions 30 and 40, in folders of their own."""
  folders = {}
  for version, factor in ((30, 0.5), (40, 0.25)):
    parent = str(tmp_path_factory.mktemp('policies'))
    folders[version] = export.export(
      fakes.GreyAgent(factor), parent, train_step=version
    )
  return folders


@pytest.fixture(name='predictor', scope='session')
def _predictor(policies):
  return predictor.Predictor(policies[30])


@pytest.fixture(name='other', scope='session')
def _other(policies):
  return predictor.Predictor(policies[40])


@pytest.fixture(name='server', scope='module')
def _server(predictor):
  with fakes.serving(fakes.Source(predictor), labels=['stable']) as running:
    yield running
