"""A place whose mirror is in PostgreSQL: a database for each, in one cluster that all of a torture's runs share."""

import contextlib
import itertools
import pathlib
import re
import signal
import sys
import tempfile
import time
import urllib.parse

from tests.torture.place import CONTEXT, ROOT, Broken, Place

sys.path.insert(0, str(ROOT / "tests" / "support"))

import postgres_cluster  # noqa: E402
import postgres_mirror  # noqa: E402

SCHEMA = f'"Mirror_{CONTEXT}"'
HANG_TRIES = 400


def make_cluster():
    cluster = postgres_cluster.Cluster(postgres_cluster.fast_folder("mirror-torture-pg-") / "postgres")
    cluster.make()
    return cluster


class CitusCluster:
    """A cluster of others: its one database is used by one run after the other, and what they make there goes."""

    def __init__(self, url):
        self.database_url = url
        passfile = re.search(r"[?&]passfile=([^&]+)", url)
        self.passfile = passfile and urllib.parse.unquote(passfile.group(1))

    def make_database(self, name):
        self.drop_database(name)
        return self.database_url

    def drop_database(self, _name):
        postgres_cluster.psql(
            self.database_url,
            "SELECT format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace WHERE nspname IN "
            f"('mirror_control', 'mirror_place', 'Mirror_{CONTEXT}') OR nspname ~ "
            "'^mirror_(import|aside)_[0-9a-f]+$' \\gexec\n",
        )

    def change(self, config):
        """mirror-server.toml, as `mirrorctl init` wrote it."""
        text, count = re.subn(
            r"^(\[\[postgres\.place\]\])$", r'\1\nkind = "citus"', config.read_text(encoding="utf-8"), flags=re.MULTILINE
        )
        if count != 1:
            raise Broken("mirror-server.toml has no place")
        if self.passfile:
            text = re.sub(r"^passfile = .*$", f'passfile = "{self.passfile}"', text, flags=re.MULTILINE)
        config.write_text(text, encoding="utf-8")

    def stop(self):
        pass


class PostgresPlace(Place):
    store = "postgres"
    cluster = None
    numbers = itertools.count(1)

    def __init__(self, keep=False):
        self.database = f"run_{next(self.numbers)}"
        self.url = self.cluster.make_database(self.database)
        super().__init__(keep)
        if isinstance(self.cluster, CitusCluster):
            self.cluster.change(self.config)
        with open(self.config, "a", encoding="utf-8") as file:
            file.write(f'\n[[tenant]]\ncontext_id = "{CONTEXT}"\nindexes = "follow"\n')
        self.fresh = False  # Each commit is kept, that of a first population, too.
        self.resting = None  # Of two servers the one that is not asked: its process, its file and its ports.

    def store_words(self):
        return ["--store", "postgres", "--postgres", self.url]

    def close(self):
        if self.resting:
            self.swap_servers()
            self.kill()
            self.swap_servers()
        super().close()
        if not self.keep:
            self.cluster.drop_database(self.database)

    # --- The mirror ---

    def psql(self, script):
        return postgres_cluster.psql(self.url, script)

    def has_mirror(self):
        return self.psql(f"SELECT to_regclass('{SCHEMA}._mirror_tenant') IS NOT NULL;").strip() == "t"

    def by_hand(self, *statements):
        self.psql(f"SET search_path = {SCHEMA};" + ";".join(statements) + ";")

    @contextlib.contextmanager
    def copy_of_mirror(self):
        """As psql reads it, without the server."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            copy = pathlib.Path(folder) / "copy.db"
            if not postgres_mirror.read(self.url, CONTEXT, copy, with_history=True):
                raise Broken("there is no mirror")
            yield copy

    def readable(self):
        return self.copy_of_mirror()

    def differences(self, file=None):
        if file is not None:
            return super().differences(file)
        with self.copy_of_mirror() as copy:
            return super().differences(copy)

    # --- Servers ---

    def config_of_another_server(self):
        """Of one on the same database, with a folder of its own."""
        other = self.dir / "other-server.toml"
        text = (self.dir / "mirror-server.toml").read_text(encoding="utf-8")
        text, count = re.subn(r'^dir = "data"', 'dir = "other-data"', text, flags=re.MULTILINE)
        if count != 1:
            raise Broken("mirror-server.toml has no line with its folder")
        other.write_text(text, encoding="utf-8")
        (self.dir / "other-data").mkdir()
        return other

    def start_other(self):
        """A second server, which is asked from now on."""
        self.resting, self.server = (self.server, self.config, self.port, self.admin_port), None
        self.config = self.config_of_another_server()
        self.start()

    def swap_servers(self):
        """The other one is asked from now on, if it runs."""
        asked = self.server, self.config, self.port, self.admin_port
        (self.server, self.config, self.port, self.admin_port), self.resting = self.resting, asked
        if self.server is not None:
            self.point_clients(self.port, self.admin_port)

    def stop_in_transaction(self):
        """SIGSTOP, while the server has the mirror's lock and a cycle that it has begun before."""
        for _ in range(HANG_TRIES):
            self.server.send_signal(signal.SIGSTOP)
            time.sleep(0.01)  # What PostgreSQL was asked is answered.
            found = self.psql(
                "SELECT count(*) FROM pg_stat_activity a JOIN pg_locks l USING (pid) WHERE a.state = 'idle in "
                f"transaction' AND a.backend_xid IS NOT NULL AND l.relation = '{SCHEMA}._mirror_tenant'::regclass AND l.granted "
                f"AND (SELECT active FROM {SCHEMA}._mirror_tenant);"
            )
            if int(found) > 0:
                return
            self.server.send_signal(signal.SIGCONT)
            time.sleep(0.003)
        raise Broken(f"the server was stopped {HANG_TRIES} times, and never in a transaction")
