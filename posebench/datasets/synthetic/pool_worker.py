"""The child's end, a program of its own with the arguments FD SPLIT SEED."""

from __future__ import annotations

import sys
from contextlib import suppress
from multiprocessing.connection import Connection

import cv2

from posebench.datasets.synthetic.counted import split_called
from posebench.datasets.synthetic.render import render


def serve(connection: Connection, split: str, seed: int) -> None:
    """Answer every index with its picture, until the other end is closed."""
    cv2.setNumThreads(1)
    with suppress(EOFError, ConnectionError):
        while True:
            index = connection.recv()
            connection.send(render(split_called(split), seed, index))


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])), sys.argv[2], int(sys.argv[3]))
