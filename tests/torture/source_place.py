"""A place whose source is a database server, whatever its kind: one that all runs share, or one of a run's own, which is
restored, or gives way to its standby."""

import abc
import contextlib
import itertools
import os
import shutil
import signal
import sqlite3
import subprocess
import time

from tests.torture.place import BIN, STOP_SECONDS, Broken, Place

# As a text of hex digits: what else is in it is no text.
HEX = ("photo",)
TABLES = ("people", "visits", "large")


class SourcePlace(Place, abc.ABC):
    """What a kind has of its own: the statements, which are the same application's whatever the kind; and what is done
    to its server."""

    points = ()  # Fault points of its log, beside those of every cycle.
    days = ()  # Odd ones that others do not have.
    failed = ()  # Errors of statements that the server's end has ended.
    CREATE = FILL = CHANGES = SCHEMA = EMPTY = ""

    shared = None  # The server of all runs.
    numbers = itertools.count(1)

    def __init__(self, keep=False):
        self.own = None  # A server that is this run's alone.
        self.standby = None  # Of that one.
        self.crash_at = None  # "point:n": where the agent dies, which it does once.
        self.database = f"source_{next(self.numbers)}"
        super().__init__(keep)

    @classmethod
    @abc.abstractmethod
    def begin(cls):
        """The server of all runs."""

    @classmethod
    @abc.abstractmethod
    def end(cls, keep):
        """It stops, and is gone unless it is kept, of which it tells how it is started."""

    # --- The agent ---

    def crash_environment(self):
        return {"MIRROR_CRASH_AT": self.crash_at} if self.crash_at else {}

    def agent(self, *arguments, env=None):
        done = super().agent(*arguments, env={**(env or {}), **self.crash_environment()})
        if done.returncode == -signal.SIGKILL:
            self.crash_at = None
        return done

    @contextlib.contextmanager
    def agent_runs(self):
        """As its service, with a cycle each second; gives what tells whether it still does."""
        self.set_line("mirror-agent.toml", "interval", '"1s"', "[source]")
        with open(self.folder / "agent.log", "ab") as log:
            agent = subprocess.Popen(
                [BIN / "mirror-agent", "run", "--config", self.dir / "mirror-agent.toml"],
                env={**os.environ, **self.crash_environment()}, stdout=log, stderr=log,
            )  # fmt: skip
        # Before it says who it is, it does not end well when it is asked to.
        while agent.poll() is None and not (self.folder / "agent.log").stat().st_size:
            time.sleep(0.01)
        try:
            yield lambda: agent.poll() is None
        finally:
            agent.terminate()
            try:
                code = agent.wait(STOP_SECONDS)
            finally:
                agent.kill()
            if code == -signal.SIGKILL:
                self.crash_at = None
            elif code != 0:
                raise Broken(f"the agent ended with {code}: {(self.folder / 'agent.log').read_text()[-2000:]}")

    @property
    def server_of_source(self):
        return self.own or self.shared

    def close(self):
        super().close()
        if self.keep:
            for server in filter(None, (self.own, self.standby)):
                server.stop()
        elif self.own is not None:
            self.remove_own()
        else:
            self.leave_shared()

    @abc.abstractmethod
    def remove_own(self):
        """The run's own servers, with all that they have."""

    @abc.abstractmethod
    def leave_shared(self):
        """Nothing of this run stays in the server of all."""

    # --- Rows ---

    @abc.abstractmethod
    def ask(self, query):
        """What the application is answered, a line for each row."""

    @abc.abstractmethod
    def line_of(self, columns):
        """The expression that makes a row a text: values with | between them, - for none."""

    def columns_of(self, table):
        found = self.ask(
            f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}' AND table_schema = "
            f"{self.schema_of_tables()} ORDER BY ordinal_position"
        )
        return found.split()

    @abc.abstractmethod
    def schema_of_tables(self):
        """An expression."""

    def rows_of_source(self, table, columns):
        return sorted(self.ask(f"SELECT {self.line_of(columns)} FROM {table}").splitlines())

    @staticmethod
    def rows_of_mirror(file, table, columns):
        # A NULL has no hex digits.
        words = ", ".join(
            f"CASE WHEN {column} IS NULL THEN NULL ELSE lower(hex({column})) END" if column in HEX else column
            for column in columns
        )
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        try:
            rows = connection.execute(f"SELECT {words} FROM {table}").fetchall()
        finally:
            connection.close()
        return sorted("|".join("-" if value is None else str(value) for value in row) for row in rows)

    def differences(self, file=None):
        wrong = []
        for table in TABLES:
            columns = self.columns_of(table)
            here, there = self.rows_of_source(table, columns), self.rows_of_mirror(file or self.mirror, table, columns)
            if here != there:
                only = len(set(here) - set(there)), len(set(there) - set(here))
                wrong.append(f"{table}: {len(here)} rows, the mirror {len(there)}; {only[0]} and {only[1]} only there")
        return wrong

    # --- A server of its own ---

    @abc.abstractmethod
    def move_to_own_server(self):
        """Before anything is installed in the source."""

    @abc.abstractmethod
    def lose_log(self):
        """What the agent has not read yet is gone from the server's log."""

    @abc.abstractmethod
    def make_standby(self):
        """Of the run's own server."""

    @abc.abstractmethod
    def wait_for_standby(self):
        """It has all that the primary has."""

    @abc.abstractmethod
    def cut_off_standby(self):
        """What the primary gets from here on it never has."""

    @abc.abstractmethod
    def promote_standby(self):
        """It takes the place of the primary, which is gone."""

    @abc.abstractmethod
    def stop_own(self):
        """All is on disk."""

    def copy_cold(self):
        """Of the whole server while it is down."""
        self.stop_own()
        copy = self.own.folder.parent / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        self.copy_tree(self.own.data, copy)
        self.own.start()
        return copy

    def put_back(self, copy):
        self.own.stop()
        shutil.rmtree(self.own.data)
        self.copy_tree(copy, self.own.data)
        self.own.start()

    @staticmethod
    def copy_tree(source, target):
        # With their owners, which shutil leaves behind.
        subprocess.run(["cp", "-a", source, target], check=True)
