"""People rendered from nothing: a dataset with exact labels that needs no network."""
