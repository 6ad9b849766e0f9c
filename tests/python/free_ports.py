"""Ports of loopback for servers that are to be where they were after a restart."""

import fcntl
import os
import pathlib
import random
import socket
import tempfile
import threading

CLAIMS = pathlib.Path(tempfile.gettempdir()) / f"mirror-test-ports-{os.getuid()}"
GIVEN, GIVING = {}, threading.Lock()
ANY = random.SystemRandom()  # Tests that run at once may have the same seed.


def claim(port):
    """The file that says to other tests that somebody has the port, until this process ends; None: another has it."""
    CLAIMS.mkdir(exist_ok=True)
    file = os.open(CLAIMS / str(port), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return file


def free_ports(count):
    """So many that nobody has, below those that clients get; none is given twice, not to another test either."""
    found = []
    while len(found) < count:
        port = ANY.randrange(20_000, 32_000)
        with socket.socket() as one, GIVING:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            file = None if port in GIVEN else claim(port)
            if file is not None:
                GIVEN[port] = file
                found.append(port)
    return found
