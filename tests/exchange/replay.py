#!/usr/bin/python3
"""Feeds exchange_replay with what the model's hub was given, and with what it made of it: all scenarios, and random
histories of each kind.

Usage: replay.py EXCHANGE_REPLAY
MIRROR_TEST_HISTORIES in the environment: of each kind, 50 unless it says otherwise. MIRROR_TEST_SEED: the first seed.
"""

import os
import pathlib
import subprocess
import sys

MODEL = pathlib.Path(__file__).with_name("model.py")


def main():
    histories = os.environ.get("MIRROR_TEST_HISTORIES", "50")
    # Scenarios stand before the first seed.
    seeds = ["1"] + ([os.environ["MIRROR_TEST_SEED"]] if "MIRROR_TEST_SEED" in os.environ else [])
    for seed in seeds:
        print(f"{histories} histories of each kind from seed {seed} on", flush=True)
        trace = [sys.executable, "-B", str(MODEL), "trace", "--histories", histories, "--seed", seed]
        with subprocess.Popen(trace, stdout=subprocess.PIPE) as model:
            replayed = subprocess.run([sys.argv[1]], stdin=model.stdout, check=False)
            model.stdout.close()
        if replayed.returncode != 0 or model.returncode != 0:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
