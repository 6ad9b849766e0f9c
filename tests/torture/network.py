"""A proxy between agent and server that cuts, delays and drops what was answered."""

import random
import select
import socket
import threading
import time

from tests.torture import scenarios
from tests.torture.place import place_of

FAULTS = ("cut request", "cut answer", "drop answers", "delay")


class Proxy:
    """Passes bytes on until its fault; connections after that are good."""

    def __init__(self, to_port, kind, after):
        self.to_port, self.kind, self.after = to_port, kind, after
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.faulted, self.connections, self.stopping = False, 0, False
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            server = socket.create_connection(("127.0.0.1", self.to_port))
        except OSError:
            client.close()
            return
        passed = {client: 0, server: 0}
        silent = False
        try:
            while True:
                for source in select.select([client, server], [], [])[0]:
                    data = source.recv(16_384)
                    if not data:
                        return
                    passed[source] += len(data)
                    requests = source is client
                    meant = requests == (self.kind in ("cut request", "delay"))
                    if not self.faulted and meant and passed[source] >= self.after:
                        self.faulted = True
                        if self.kind == "delay":
                            time.sleep(0.05)
                        elif self.kind == "drop answers":
                            silent = True
                        else:
                            # What went out before the cut arrives; the rest does not.
                            keep = max(0, len(data) - (passed[source] - self.after))
                            (server if requests else client).sendall(data[:keep])
                            return
                    if silent and not requests:
                        # The server's commits happen; nobody hears of them, and then the line is cut.
                        if passed[source] > self.after + 2_000:
                            return
                        continue
                    (server if requests else client).sendall(data)
        except OSError:
            return
        finally:
            client.close()
            server.close()

    def close(self):
        self.listener.close()


def one(kind, scenario, fault, after, keep):
    with place_of(kind, keep, f"{scenario.name}, {fault} after {after} bytes") as place:
        scenarios.begin(place, scenario)
        place.start()
        proxy = Proxy(place.port, fault, after)
        place.point_clients(proxy.port, place.admin_port)
        scenario.act(place)
        for _ in range(3):
            if scenarios.once(place).returncode == 0:
                break
        faulted = proxy.faulted
        proxy.close()
        place.point_clients(place.port, place.admin_port)
        place.settle()
        return faulted


def run(kind, runs, seed, keep, report):
    dice = random.Random(seed)
    chosen = [s for s in scenarios.SCENARIOS if s.name in ("population", "changes", "repopulation", "repair")]
    for number in range(runs):
        fault = FAULTS[number % len(FAULTS)]
        after = dice.choice((1, 300, 2_000, 4_000, dice.randint(1, 60_000)))
        faulted = one(kind, dice.choice(chosen), fault, after, keep)
        report.network(fault, faulted)
    return runs
