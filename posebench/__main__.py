"""``python -m posebench``."""

from posebench.cli import main

if __name__ == "__main__":
    main()
