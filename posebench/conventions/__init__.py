"""The rules under which evaluators score the same predictions, and what each of them changes."""
