"""Timing in worker processes: one model, two in turns, curves."""
