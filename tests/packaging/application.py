"""An application beside the programs that are upgraded: it writes its database all the while."""

import ctypes
import sqlite3
import threading


class Application:
    """On a copy of tests/data/chinook.sqlite. Table `visit`, which it makes, only grows; the others change in every way.
    `sql`: statements of others, done with its next changes. `user`: who it writes as, with that user's rights alone."""

    def __init__(self, path, user=None):
        self.user = user
        self.path, self.error, self.last, self.sql = path, None, 1, []
        database = sqlite3.connect(path)
        database.executescript(
            "PRAGMA journal_mode = wal; CREATE TABLE visit (id INTEGER PRIMARY KEY, note TEXT);"
            "INSERT INTO visit VALUES (1, 'first');"
        )
        database.close()
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)

    def start(self):
        self.thread.start()

    def work(self):
        try:
            if self.user is not None:
                # Of this thread alone; the group first, while it may.
                libc = ctypes.CDLL(None)
                libc.setfsgid(self.user.pw_gid)
                libc.setfsuid(self.user.pw_uid)
            database = sqlite3.connect(self.path, timeout=60, isolation_level=None)
            while not self.stopping.wait(0.02):
                number = self.last + 1
                database.execute("BEGIN IMMEDIATE")
                while self.sql:
                    database.execute(self.sql.pop())
                database.execute("INSERT INTO visit (id, note) VALUES (?, ?)", (number, "x" * (number % 50)))
                database.execute("UPDATE Track SET UnitPrice = UnitPrice + 1 WHERE TrackId = ?", (number % 3000 + 1,))
                database.execute("DELETE FROM PlaylistTrack WHERE rowid = (SELECT max(rowid) FROM PlaylistTrack)")
                database.execute("INSERT OR REPLACE INTO Genre VALUES (?, ?)", (number % 40 + 1, f"genre {number}"))
                database.execute("COMMIT")
                self.last = number
            database.close()
        except sqlite3.Error as error:
            self.error = error

    def stop(self):
        self.stopping.set()
        if self.thread.is_alive():
            self.thread.join()
