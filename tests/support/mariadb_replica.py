"""Replication between two MariaDB servers of a test's own: a replica reads its primary's binlog by GTID, and takes
over from it."""

import pathlib
import secrets
import sys

from mariadb_servers import PATIENCE_S, Failed

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))
import free_ports  # noqa: E402

USER = "replication"
# A replica is told a host and a port, and no socket.
REPLICA = {"server_id": "2", "log_slave_updates": "ON"}


def primary_settings():
    """Of a server that is to have a replica on this machine."""
    return {"skip_networking": "OFF", "bind_address": "127.0.0.1", "port": str(free_ports.free_ports(1)[0])}


def follow(replica, primary):
    """From the first group of its binlog on, which must have all that the primary ever got."""
    password = secrets.token_hex(16)
    primary.sql(
        f"CREATE OR REPLACE USER {USER}@'127.0.0.1' IDENTIFIED BY '{password}';"
        f"GRANT REPLICATION SLAVE ON *.* TO {USER}@'127.0.0.1'"
    )
    replica.sql(
        f"CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {primary.settings['port']}, MASTER_USER = '{USER}',"
        f"MASTER_PASSWORD = '{password}', MASTER_USE_GTID = slave_pos; START SLAVE"
    )


def wait_until_same(replica, primary):
    end = primary.sql("SELECT @@gtid_binlog_pos").strip()
    if replica.sql(f"SELECT MASTER_GTID_WAIT('{end}', {PATIENCE_S})").strip() != "0":
        raise Failed(f"the replica does not follow: {replica.sql('SHOW SLAVE STATUS')}")


def take_over(replica):
    replica.sql("STOP SLAVE; RESET SLAVE ALL")
