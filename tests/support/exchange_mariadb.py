"""Members of a hub that are databases of MariaDB: the agent's user has the rights that its own script gives it."""

import itertools
import json

import exchange_place
import mariadb_servers

TABLE = (
    "CREATE TABLE company (id bigint AUTO_INCREMENT PRIMARY KEY, vat varchar(40), name varchar(100), city varchar(60)) "
    "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
)
USER = "erp_agent"
ACCOUNT = f"{USER}@localhost"


class Shared:
    home = None
    server = None
    numbers = itertools.count(1)


def start():
    """Raises mariadb_servers.Missing where MariaDB is not installed."""
    Shared.home = mariadb_servers.Home()
    Shared.server = Shared.home.make("exchange")
    Shared.server.sql(
        f"CREATE USER {ACCOUNT}; CREATE USER owner@localhost;"
        f"GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO {ACCOUNT}, owner@localhost"
    )


def stop():
    if Shared.home:
        Shared.home.remove()
        Shared.home = Shared.server = None


def value_of(text):
    """As the client prints it: what looks like a whole number is one."""
    if text == "NULL":
        return None
    return int(text) if text.isascii() and text.lstrip("-").isdigit() else text


class MariadbSystem(exchange_place.System):
    def __init__(self, place, name, tables=(TABLE,), accept=exchange_place.ALL):
        self.database = f"{name}_{next(Shared.numbers)}"
        super().__init__(place, name, tables, accept, "verify_interval = \"365d\"\n")

    def make(self, tables):
        Shared.server.sql(
            f"CREATE DATABASE {self.database} CHARACTER SET utf8mb4; GRANT SELECT ON {self.database}.* TO {ACCOUNT};"
            f"GRANT ALL ON {self.database}.* TO owner@localhost"
        )
        self.sql(*tables)
        dsn = json.dumps(f"socket={Shared.server.socket} dbname={self.database} user={USER}")
        return f'kind = "mariadb"\ndsn = {dsn}'

    def install(self):
        if "\naccept = " in self.config.read_text():
            Shared.server.sql(self.agent("install", "--print-sql").stdout)
        self.agent("install")

    def add_table(self, name, columns):
        """One more, which the agent may read."""
        self.sql(f"CREATE TABLE {name} ({columns})")
        self.install()

    def sql(self, *statements):
        """Rows of the last one."""
        script = ";".join(("SET sql_mode = 'ANSI_QUOTES,STRICT_TRANS_TABLES'", *statements))
        lines = Shared.server.sql(script, self.database).splitlines()
        if not statements[-1].startswith("SELECT"):
            return []
        return [tuple(value_of(text) for text in line.split("\t")) for line in lines]
