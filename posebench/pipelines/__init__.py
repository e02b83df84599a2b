"""Pre- and postprocessing that adapters share. NumPy and OpenCV only, no framework."""
