"""Which part is struck when: the same for the same seed."""

import dataclasses
import random

SERVERS = ("s1", "s2", "s3")
# What is done: for how long the part is away or stands still, in seconds.
AWAY = {
    "server killed": (1, 6),
    "server stopped": (2, 20),
    "primary killed": (18, 25),  # Longer than its lease in etcd: a standby is promoted.
    "primary's PostgreSQL killed": (0, 0),
    "all standbys away": (65, 75),  # Longer than a server waits for the answer to a COMMIT.
    "haproxy restarted": (0, 2),
    "etcd restarted": (0, 2),
}
PAUSE_S = (2, 6)  # Between two of them, when all clients go on.


@dataclasses.dataclass(frozen=True)
class Strike:
    what: str
    server: str  # Empty: it is no server's.
    pause_s: float
    away_s: float

    def __str__(self):
        words = self.what if not self.server else self.what.replace("server", self.server)
        if self.what in ("server stopped", "all standbys away"):
            return f"{words} for {self.away_s:.1f} s"
        return f"{words}, back after {self.away_s:.1f} s" if self.away_s else words


def make(seed, count):
    """Each kind once before one comes again, each server likewise."""
    dice = random.Random(seed)
    kinds, servers, strikes = [], [], []
    for _ in range(count):
        kinds = kinds or dice.sample(sorted(AWAY), len(AWAY))
        what, server = kinds.pop(), ""
        if what.startswith("server"):
            servers = servers or dice.sample(SERVERS, len(SERVERS))
            server = servers.pop()
        strikes.append(Strike(what, server, round(dice.uniform(*PAUSE_S), 1), round(dice.uniform(*AWAY[what]), 1)))
    return strikes
