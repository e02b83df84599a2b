"""Benchmark and evaluation harness for human-pose models.

The library behind the ``posebench`` command. Importing it is free: no framework, no network, no
file is touched until a function is called.
"""

__version__ = "0.1.0"
