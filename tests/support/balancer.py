"""Balancers before several servers: one spreads connections, as a plain TCP balancer does, the other one calls."""

import random
import select
import socket
import struct
import threading

PREFACE = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
HEADER = 9
DATA, HEADERS, RST_STREAM, GOAWAY = 0, 1, 3, 7
END_STREAM = 1
READ = 65_536
LOOK_S = 0.05


class Frames:
    """HTTP/2 as it comes, cut into whole frames."""

    def __init__(self, skip=0):
        self.buffer, self.skip = b"", skip

    def take(self, data):
        """(type, flags, stream, bytes) of each that is whole now."""
        self.buffer += data
        if self.skip:
            if len(self.buffer) < self.skip:
                return
            yield -1, 0, 0, self.buffer[: self.skip]
            self.buffer, self.skip = self.buffer[self.skip :], 0
        while len(self.buffer) >= HEADER:
            end = HEADER + int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < end:
                return
            stream = int.from_bytes(self.buffer[5:HEADER], "big") & 0x7FFFFFFF
            yield self.buffer[3], self.buffer[4], stream, self.buffer[:end]
            self.buffer = self.buffer[end:]


class Balancer:
    """Gives each connection to the next server. `ports` says where they are, at each connection anew; one that refuses
    is passed over. A connection is cut behind as many bytes as `cut` says, if that is not None. Of what a client sends
    no more than about `most` bytes go on, until that is None."""

    def __init__(self, ports, cut=lambda: None):
        self.ports, self.cut = ports, cut
        self.most = None
        self.turn = 0
        self.served = []  # The number of the server, for each connection.
        self.cuts = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        # Closing alone would leave accept() waiting.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def connect(self):
        """To the next one that is there; None: nobody is."""
        ports = self.ports()
        for _ in ports:
            with self.lock:
                number, self.turn = self.turn % len(ports), self.turn + 1
            if ports[number] is None:
                continue
            try:
                server = socket.create_connection(("127.0.0.1", ports[number]))
            except OSError:
                continue
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.served.append(number)
            return server
        return None

    def serve(self, client):
        with client:
            server = self.connect()
            if server is None:
                return
            with server:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    self.pass_on(client, server)
                except OSError:
                    pass

    def pass_on(self, client, server):
        left, sent = self.cut(), 0
        while True:
            held = self.most is not None and sent >= self.most
            for source in select.select([server] if held else [client, server], [], [], LOOK_S)[0]:
                data = source.recv(READ if self.most is None else 1_000)
                sent += len(data) if source is client else 0
                if left is not None:
                    data, left = data[:left], left - len(data)
                (server if source is client else client).sendall(data)
                if left is not None and left <= 0:
                    with self.lock:
                        self.cuts += 1
                    return
                if not data:
                    return


class CallBalancer(Balancer):
    """Gives each call to the next server: behind a call it tells the client to make another connection. It has to see
    HTTP/2, so there is no TLS."""

    def pass_on(self, client, server):
        from_client, from_server = Frames(PREFACE), Frames()
        running, last = set(), 0
        while True:
            for source in select.select([client, server], [], [])[0]:
                data = source.recv(READ)
                if not data:
                    return
                if source is client:
                    for kind, _, stream, frame in from_client.take(data):
                        if kind == HEADERS:
                            running.add(stream)
                            last = max(last, stream)
                        elif kind == RST_STREAM:
                            running.discard(stream)
                        server.sendall(frame)
                else:
                    for kind, flags, stream, frame in from_server.take(data):
                        client.sendall(frame)
                        if kind == RST_STREAM or (kind in (DATA, HEADERS) and flags & END_STREAM):
                            running.discard(stream)
                if last and not running:
                    client.sendall(struct.pack(">HBBBIII", 0, 8, GOAWAY, 0, 0, last, 0))
                    self.wait_for_end(client)
                    return

    @staticmethod
    def wait_for_end(client):
        """What it sends from now on it sends again on the next connection."""
        while client.recv(READ):
            pass


def cuts(dice: random.Random, share, longest):
    """So large a share of connections is cut, somewhere in the first `longest` bytes."""
    lock = threading.Lock()

    def cut():
        with lock:
            return dice.randint(1, longest) if dice.random() < share else None

    return cut
