"""Serving: policies as SavedModels, and programs that run them.

`predictor`, `follower` and what they import need NumPy and TensorFlow alone,
so that a robot's program starts fast; `export` and `tracing` need the agent's
libraries, and `warmup` TensorFlow Serving's.
"""
