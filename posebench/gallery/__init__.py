"""Which pictures went worst, and on which two models disagree, drawn small for a page."""
