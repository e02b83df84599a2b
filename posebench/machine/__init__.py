"""What the machine does while something is timed: other programs, clocks, heat."""
