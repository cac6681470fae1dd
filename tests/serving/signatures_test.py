import json

import numpy as np

from awopt_agent.serving import parts, signatures


def test_json_keeps_a_signature():
  pose = parts.Part('pose', ('pose',), (3,), 'float32', np.float32(-1), None)
  file = parts.Part('image', ('image',), (), parts.BYTES)
  size = parts.Part('size', (), (), 'int32', np.int32(1), np.int32(9))
  known = {
    'act': signatures.Signature((pose, file), (pose,)),
    'begin': signatures.Signature((size,), (pose,), batched=False),
  }
  text = json.dumps(signatures.as_records(known), allow_nan=False)
  assert signatures.from_records(json.loads(text)) == known
