"""Between a server and PostgreSQL: loses answers of COMMIT, and can stop speaking or refuse everybody."""

import pathlib
import select
import socket
import struct
import threading

COMMITTED = b"COMMIT\0"
WRITTEN = (b"INSERT", b"UPDATE", b"DELETE", b"MERGE", b"COPY", b"CREATE", b"ALTER", b"DROP", b"TRUNCATE")
READ = 65_536


class DroppingRelay:
    """A PostgreSQL socket in `folder` that leads to the one in `to_folder`. `drops(number)` says whether the answer of
    the COMMIT with that number is lost, and the connection with it; numbers begin at 1. Only transactions that wrote
    count."""

    def __init__(self, folder, to_folder, drops=lambda number: False):
        self.folder, self.drops = pathlib.Path(folder), drops
        self.lead_to(to_folder)
        self.folder.mkdir(exist_ok=True)
        self.lock = threading.Lock()
        self.commits = self.dropped = 0
        self.refusing = False
        self.open = set()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(self.folder / ".s.PGSQL.5432"))
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def lead_to(self, folder):
        """New connections; those that are open stay where they are."""
        self.to = str(pathlib.Path(folder) / ".s.PGSQL.5432")

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.refuse()

    def refuse(self):
        """As a database that does not run: connections are cut, and new ones, too."""
        with self.lock:
            self.refusing, cut = True, list(self.open)
        for one in cut:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # Its thread has closed it meanwhile.

    def admit(self):
        self.refusing = False

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        both = {client, server}
        with client, server:
            with self.lock:
                if self.refusing:
                    return
                self.open |= both
            try:
                server.connect(self.to)
                self.pass_on(client, server)
            except OSError:
                pass
            with self.lock:
                self.open -= both

    def pass_on(self, client, server):
        answers = Answers(self.loses_this)
        while True:
            for source in select.select([client, server], [], [])[0]:
                data = source.recv(READ)
                if not data:
                    return
                if source is client:
                    server.sendall(data)
                    continue
                ends = answers.ends(data)
                if ends is not None:
                    client.sendall(data[:ends])
                    return
                client.sendall(data)

    def loses_this(self):
        with self.lock:
            self.commits += 1
            lost = self.drops(self.commits)
            self.dropped += lost
            return lost


class Answers:
    """What PostgreSQL says on one connection."""

    def __init__(self, loses_this):
        self.loses_this = loses_this
        self.rest, self.wrote = b"", False  # The begin of a message; whether the transaction that runs has written.

    def ends(self, data):
        """Where in `data` the answer begins that is lost, or None."""
        whole, at = self.rest + data, 0
        while len(whole) - at >= 5:
            size = 1 + struct.unpack_from(">I", whole, at + 1)[0]
            if len(whole) - at < size:
                break
            if whole[at : at + 1] == b"C" and self.loses(whole[at + 5 : at + size]):
                return max(0, at - len(self.rest))
            at += size
        self.rest = whole[at:]
        return None

    def loses(self, done):
        """`done`: the tag of a statement that was executed."""
        if done.startswith(WRITTEN):
            self.wrote = True
        if done not in (COMMITTED, b"ROLLBACK\0"):
            return False
        wrote, self.wrote = self.wrote, False
        return wrote and done == COMMITTED and self.loses_this()
