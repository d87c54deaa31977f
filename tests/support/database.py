"""What is in a database that a running program has for itself."""
import contextlib
import os
import sqlite3

from .folder import temporary_folder


def _read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return b""


def copy_database(source, target):
    """Of a database that somebody writes: the file and its log fit as long as the log has not begun anew in between."""
    while True:
        log = _read(f"{source}-wal")
        data = _read(source)
        if _read(f"{source}-wal") == log:
            break
    for path, content in ((target, data), (f"{target}-wal", log)):
        with open(path, "wb") as f:
            f.write(content)


def rows(path, query, *values):
    """The answer to a query, from a copy."""
    with temporary_folder() as folder:
        copy = os.path.join(folder, "copy.db")
        copy_database(path, copy)
        with contextlib.closing(sqlite3.connect(copy)) as db:
            return db.execute(query, values).fetchall()
