"""Ports of loopback for servers that are to be where they were after a restart."""

import random
import socket
import threading

GIVEN, GIVING = set(), threading.Lock()


def free_ports(count):
    """So many that nobody has, below those that clients get; none is given twice."""
    found = []
    while len(found) < count:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as one, GIVING:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            if port not in GIVEN:
                GIVEN.add(port)
                found.append(port)
    return found
