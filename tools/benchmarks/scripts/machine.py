"""What it ran on."""

import os
import platform
import re
import sqlite3
import subprocess


def _first(command, pattern):
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20).stdout
    except (OSError, subprocess.TimeoutExpired):
        return "not installed"
    found = re.search(pattern, said)
    return found.group(1) if found else "unknown"


def _cpu():
    with open("/proc/cpuinfo") as text:
        found = re.search(r"model name\s*: (.*)", text.read())
    return found.group(1) if found else platform.machine()


def _memory():
    with open("/proc/meminfo") as text:
        return round(int(re.search(r"MemTotal:\s+(\d+)", text.read()).group(1)) / 1024**2, 1)


def _package(name):
    return _first(["dpkg-query", "-W", "-f", "${Version}", name], r"(\S+)")


def facts(root):
    git = ["git", "-c", "safe.directory=*", "-C", root, "rev-parse", "--short", "HEAD"]
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": _memory(),
        "kernel": platform.release(),
        "load_before": round(os.getloadavg()[0], 2),
        "compiler": _first(["g++", "--version"], r"^(.*)"),
        "sqlite": sqlite3.sqlite_version,
        "grpc": _package("libgrpc++-dev"),
        "protobuf": _package("libprotobuf-dev"),
        "openssl": _package("libssl-dev"),
        "postgresql": _package("postgresql-15"),
        "mariadb": _package("mariadb-server"),
        "commit": _first(git, r"(\S+)"),
    }
