"""Lines about sources that are databases of a MariaDB server: what the agent reads in its binlog."""

import json
import os
import subprocess
import time

import mariadb
import peer_rows
from agent_lines import install, once
from database_source_lines import stage
from endpoint import Endpoint, free_ports
from processes import Failed, run

METADATA = ("--binlog-row-metadata=FULL", "--binlog-row-image=FULL")


def load(bench, server, rows):
    plain = peer_rows.export(bench, "load.tsv", rows, "tsv")
    os.chmod(plain, 0o644)
    server.sql(f"{peer_rows.create('contact_1', mariadb.TYPES)}; LOAD DATA LOCAL INFILE '{plain}' INTO TABLE contact_1")
    os.unlink(plain)


def _print_binlog(server, place):
    """Seconds of MariaDB's own client, from where a binlog was to its end."""
    file, offset = place
    command = ["mariadb-binlog", "--no-defaults", "-v", "--read-from-remote-server", "--host=127.0.0.1", f"--port={server.port}"]
    command += ["-uroot", "--to-last-log", f"--start-position={offset}", file]
    start = time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - start


def without_password(endpoint):
    with open(endpoint.config) as text:
        toml = text.readlines()
    with open(endpoint.config, "w") as text:
        text.writelines(line for line in toml if not line.startswith("password_file"))


def log(bench):
    rows = bench.size(1_000_000, 200_000)
    server = mariadb.Server(bench.path("source"), 1, free_ports()[0], METADATA)
    try:
        load(bench, server, rows)
        dsn = f"host=127.0.0.1 port={server.port} user=root dbname=bench tls=off"
        url = f"mariadb://root@127.0.0.1:{server.port}/bench?tls=off"
        with Endpoint(bench, "log", source=url) as endpoint:
            without_password(endpoint)
            install(bench, endpoint)
            once(bench, endpoint)
            for turn in bench.turns(f"the binlog of {rows:,} updates in MariaDB"):
                place = server.sql("SHOW MASTER STATUS").split("\t")[:2]
                for first, last in peer_rows.ranges(rows):
                    server.sql(
                        f"UPDATE contact_1 SET credit = credit + 1, name = CONCAT('name {turn} ', contact_id) "
                        f"WHERE contact_id BETWEEN {first} AND {last}"
                    )
                printed = _print_binlog(server, place)
                words = ["decode", "--file", dsn, "--from", ":".join(place)]
                decoded = json.loads(run([bench.program("mirror-bench"), *words]))
                if decoded["changes"] != rows:
                    raise Failed(f"{rows:,} updates, and {decoded['changes']:,} were decoded")
                bench.result("mariadb-decode").add_rates(rows / decoded["seconds"], rows / printed)
                bench.result("mariadb-stage").add_rates(rows / stage(bench, endpoint), rows / printed)
                tables, _, _ = once(bench, endpoint)
                if tables[0]["updates"] != rows:
                    raise Failed(f"{rows:,} updates, and mirror-agent did: {tables[0]}")
    finally:
        server.stop()


GROUPS = {"mariadb-log": log}
