"""A short one; `python -m tests.benchmarks.serve_fuzz` sends 10,000."""

from tests.benchmarks import serve_fuzz
from tests.serving.server import fakes


def test_malformed_requests_are_refused_each_with_its_reason(predictor):
  source = fakes.Source(predictor)
  kwargs = {'limits': serve_fuzz.limits_of_server()}
  with fakes.serving(source, **kwargs) as running:
    refused = serve_fuzz.fuzz(running, 400, seed=1)
    assert refused.total() == 400
    assert len(refused) == 34  # Kinds: 19 by REST, 15 by gRPC.
    total = running.service.metrics.total
    # The sound ones between them, by both protocols: 4, and one at the end.
    assert total(method='predict', code='OK') == 2 * 5
    assert total(code='INTERNAL') == 0
