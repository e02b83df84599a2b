"""Timing of one model on real pictures: measuring and summarising, apart."""
