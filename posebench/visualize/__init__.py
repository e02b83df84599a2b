"""Pictures of what a model found, and of where it went wrong."""
