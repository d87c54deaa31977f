"""What the Python tests share: where the programs are, folders, servers, connections to the nucleus."""
import contextlib
import os

import pytest

from local import CA, Broker, Swift, free_port

from .folder import temporary_folder
from .ipc_raw import Session, token_of

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@pytest.fixture(scope="session")
def source_dir():
    return SOURCE


@pytest.fixture(scope="session")
def bin_dir():
    """Folder of the programs: SEDGE_BIN, by default build/dev/bin."""
    folder = os.path.abspath(os.environ.get("SEDGE_BIN", os.path.join(SOURCE, "build", "dev", "bin")))
    if not os.path.isdir(folder):
        pytest.fail(f"{folder} does not exist: build first, or set SEDGE_BIN", pytrace=False)
    return folder


@pytest.fixture(scope="session")
def shared_dir():
    """The specification's data beside the clone; tests that need it are skipped where it is not."""
    folder = os.path.join(os.path.dirname(SOURCE), "shared")
    if not os.path.isdir(folder):
        pytest.skip(f"{folder} is not there")
    return folder


@pytest.fixture(scope="session")
def session_dir():
    with temporary_folder() as folder:
        yield folder


@pytest.fixture
def tmp_root():
    with temporary_folder() as folder:
        yield folder


@pytest.fixture
def port():
    return free_port()


@pytest.fixture(scope="session")
def swift(session_dir, bin_dir):
    """The object store, one for all tests: use a bucket of your own (fixture `bucket`)."""
    store = Swift(os.path.join(session_dir, "swift"), bin_dir)
    store.start()
    yield store
    store.stop()


@pytest.fixture
def bucket(swift, request):
    """A fresh bucket."""
    name = f"bucket-{os.urandom(4).hex()}"
    swift.create_bucket(name)
    return name


@pytest.fixture(scope="session")
def ca(session_dir):
    return CA(os.path.join(session_dir, "ca"))


@pytest.fixture
def broker(ca, tmp_root):
    cert, key = ca.server("localhost", "127.0.0.1")
    with Broker(os.path.join(tmp_root, "broker"), ca.cert, cert, key, ca.crl()) as b:
        yield b


# ---- the socket of the fixture `device` that a module has ----

@pytest.fixture
def session(device):
    """session("one") is a connection of component one, which keeps its token (support/ipc_raw.py)."""
    with contextlib.ExitStack() as stack:
        yield lambda component: stack.enter_context(Session(device.socket, token_of(device, component)))


@pytest.fixture
def cli(device):
    """A connection as the command line."""
    with device.cli_ipc() as ipc:
        yield ipc


def connection_of(component):
    """A fixture: boss = connection_of("boss") is a connection as this component."""
    @pytest.fixture
    def connection(device):
        with device.ipc(component) as ipc:
            yield ipc
    return connection
