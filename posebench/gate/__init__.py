"""Whether a candidate is worse than its baseline by more than a margin: rules in, verdict out."""
