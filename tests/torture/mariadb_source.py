"""A place whose source is a MariaDB database."""

import shutil
import sys

from tests.torture import scenarios
from tests.torture.place import ROOT
from tests.torture.source_place import HEX, SourcePlace

sys.path.insert(0, str(ROOT / "tests" / "support"))

import mariadb_replica  # noqa: E402
import mariadb_servers  # noqa: E402

READER = "mirror_agent"


def written_in_other_ways(place):
    """Sessions whose binlog lacks rows, or parts of them."""
    for setting in ("binlog_format = STATEMENT", "binlog_row_image = MINIMAL"):
        place.sql(f"SET SESSION {setting}; {place.CHANGES}", "UPDATE people SET age = age + 1 WHERE id % 3 = 0;")
        scenarios.once(place)


def log_begun_anew(place):
    place.sql(place.CHANGES)
    scenarios.once(place)
    place.own.sql("RESET MASTER")
    place.sql(place.CHANGES)


def committed_in_two_phases(place):
    """Its rows stand in the binlog long before they are in the tables; the server is killed in between."""
    place.sql("XA START 'one'; UPDATE people SET age = age + 5 WHERE id % 4 = 0; XA END 'one'; XA PREPARE 'one';")
    place.sql("XA START 'two'; UPDATE large SET name = 'never' WHERE id % 5 = 0; XA END 'two'; XA PREPARE 'two';")
    place.sql("UPDATE visits SET note = 'beside';")
    scenarios.once(place)
    place.own.kill()
    place.own.start()
    place.sql("XA COMMIT 'one'; XA ROLLBACK 'two';", place.CHANGES)


class MariadbSourcePlace(SourcePlace):
    points = ("stage.flushing", "stage.flushed")
    days = (written_in_other_ways, log_begun_anew, committed_in_two_phases)
    failed = mariadb_servers.Failed

    CREATE = """
CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(100), age INT, photo BLOB, balance DECIMAL(12,2), born DATE);
CREATE TABLE visits (room VARCHAR(40), number BIGINT, note TEXT, PRIMARY KEY (room, number));
CREATE TABLE large (id INT PRIMARY KEY, name VARCHAR(100));
"""
    FILL = """
INSERT INTO people SELECT seq, CONCAT('name ', seq), seq % 90, IF(seq % 3 = 0, REPEAT('x', seq % 500), NULL), seq * 1.25,
  DATE '2000-01-01' + INTERVAL seq DAY FROM seq_1_to_400;
INSERT INTO visits SELECT CONCAT('room ', seq % 9), seq, REPEAT(CONCAT('note ', seq), 200) FROM seq_1_to_300;
INSERT INTO large SELECT seq, 'x' FROM seq_1_to_1500;
"""
    # Keys that change, rows that come and go, a transaction that is taken back in part.
    CHANGES = """
START TRANSACTION; UPDATE people SET name = CONCAT(name, '!') WHERE id % 5 = 0; DELETE FROM people WHERE id % 7 = 0;
COMMIT;
INSERT INTO people SELECT last + seq, CONCAT('new ', seq), seq, NULL, NULL, NULL
  FROM (SELECT MAX(id) AS last FROM people) AS there, seq_1_to_60;
START TRANSACTION; UPDATE visits SET number = number + 1000 WHERE number % 11 = 0; SAVEPOINT s; DELETE FROM visits;
ROLLBACK TO s; COMMIT;
UPDATE large SET name = CONCAT(name, 'y') WHERE id % 3 = 0;
"""
    SCHEMA = """
ALTER TABLE people ADD COLUMN city VARCHAR(40); UPDATE people SET city = 'Oslo' WHERE id % 2 = 0;
ALTER TABLE visits RENAME COLUMN note TO remark; ALTER TABLE large DROP COLUMN name;
"""
    EMPTY = "TRUNCATE large; INSERT INTO large SELECT seq, 'new' FROM seq_1_to_50;"

    home = None

    @classmethod
    def begin(cls):
        cls.home = mariadb_servers.Home()
        cls.shared = cls.home.make("shared")

    @classmethod
    def end(cls, keep):
        if keep:
            cls.shared.stop()
            print(f"The databases of what is kept are in {cls.home.folder}; mariadbd --no-defaults --user=mysql --datadir=... has them")
        else:
            cls.home.remove()

    @property
    def address(self):
        """What the agent connects to: it leads to whichever server is the primary, as a name would."""
        return self.folder / "crm.socket"

    def make_source(self):
        self.make_database(self.shared)
        return f"mariadb://{READER}@/{self.database}?socket={self.address}"

    def make_database(self, server):
        server.sql(
            f"CREATE DATABASE {self.database} CHARACTER SET utf8mb4; CREATE USER IF NOT EXISTS {READER}@localhost;"
            f"GRANT SELECT ON {self.database}.* TO {READER}@localhost;"
            f"GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO {READER}@localhost"
        )
        self.lead_to(server)

    def lead_to(self, server):
        self.address.unlink(missing_ok=True)
        self.address.symlink_to(server.socket)

    def new_server(self, name, settings):
        return self.home.make(f"{self.database}-{name}", settings)

    def remove_own(self):
        for server in filter(None, (self.own, self.standby)):
            self.remove(server)
        self.shared.sql(f"DROP DATABASE IF EXISTS {self.database}")

    def remove(self, server):
        server.kill()
        shutil.rmtree(server.folder, ignore_errors=True)

    def leave_shared(self):
        self.shared.sql(f"DROP DATABASE IF EXISTS {self.database}")

    # --- Rows ---

    def ask(self, query):
        return self.server_of_source.sql(query, self.database)

    def sql(self, *statements):
        self.same_rows = False
        for statement in statements:
            self.ask(statement)

    def schema_of_tables(self):
        return "DATABASE()"

    def line_of(self, columns):
        texts = (f"LOWER(HEX({column}))" if column in HEX else column for column in columns)
        return "CONCAT(" + ", '|', ".join(f"COALESCE({text}, '-')" for text in texts) + ")"

    # --- A server of its own ---

    def move_to_own_server(self):
        self.own = self.new_server("own", mariadb_replica.primary_settings())
        self.make_database(self.own)

    def stop_own(self):
        self.own.stop()

    def lose_log(self):
        self.own.sql("FLUSH BINARY LOGS; FLUSH BINARY LOGS")
        last = self.own.sql("SHOW MASTER STATUS").split()[0]
        self.own.sql(f"PURGE BINARY LOGS TO '{last}'")

    def make_standby(self):
        self.standby = self.new_server("standby", mariadb_replica.REPLICA)
        mariadb_replica.follow(self.standby, self.own)

    def wait_for_standby(self):
        mariadb_replica.wait_until_same(self.standby, self.own)

    def cut_off_standby(self):
        self.standby.sql("STOP SLAVE")

    def promote_standby(self):
        primary, self.own, self.standby = self.own, self.standby, None
        self.remove(primary)
        mariadb_replica.take_over(self.own)
        self.lead_to(self.own)
