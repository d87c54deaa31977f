"""Folders that tests and measurements have for a while."""
import contextlib
import os
import shutil
import tempfile


@contextlib.contextmanager
def temporary_folder():
    """A folder with a short path (sockets are limited to 107 bytes) that every user may enter."""
    # Not /tmp: that may be a tmpfs without the extended attributes that Swift needs.
    folder = tempfile.mkdtemp(prefix="sdg", dir=os.environ.get("SEDGE_TEST_TMP", "/var/tmp"))
    os.chmod(folder, 0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
