"""``python -m rdpose``."""

from rdpose.command import main

if __name__ == "__main__":
    main()
