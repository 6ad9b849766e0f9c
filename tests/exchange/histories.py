#!/usr/bin/python3
"""Random histories of model.py's attacker, played by the programs themselves; see lockstep.py.

Usage: histories.py BIN_DIR [--histories N] [--seed S] [--kind KIND] [--workers N] [--trace]
MIRROR_TEST_PLAYED and MIRROR_TEST_SEED in the environment stand for the first two.
"""

import argparse
import collections
import multiprocessing
import os
import pathlib
import random
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import lockstep  # noqa: E402
import model  # noqa: E402
import real_programs as programs  # noqa: E402

# No power fails here, and waiting for the disk would be most of the time.
MEMORY = pathlib.Path("/dev/shm")


def play(place, seed, kind, trace):
    """(what became of it, what died where)"""
    config, actions = model.RandomHistory(seed, kind)
    try:
        world = lockstep.Lockstep(config, place, random.Random(seed), trace)
    except programs.Refused as refused:
        return "refused", str(refused), {}
    done = 0
    try:
        for done, action in enumerate(actions):
            if action[0] == "kill_server":
                world.DoKilled()
            else:
                world.Do(action)
        done = len(actions)
        world.Quiesce()
    except lockstep.Unclear:
        return "unclear", "", world.died
    except (lockstep.Differs, model.Violation) as differs:
        at = actions[done] if done < len(actions) else "the end"
        return "differs", f"seed {seed} kind {kind}: at action {done}, {at}: {type(differs).__name__}: {differs}", world.died
    return "holds", "", world.died


def worker(arguments):
    bin_dir, histories, trace = arguments
    done = []
    while len(done) < len(histories):
        with tempfile.TemporaryDirectory(prefix="histories ", dir=MEMORY if MEMORY.is_dir() else None) as work:
            place = programs.Programs(bin_dir, pathlib.Path(work))
            try:
                for one in histories[len(done) :]:
                    done.append((*one, *play(place, *one, trace)))
            except AssertionError as error:
                # A server that is down for a moment keeps no port: all is begun with others.
                if "another process listens" not in str(error):
                    raise
            finally:
                place.end()
    return done


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("--histories", type=int, default=int(os.environ.get("MIRROR_TEST_PLAYED", "300")))
    seed = int(os.environ.get("MIRROR_TEST_SEED", random.randrange(1 << 30)))
    parser.add_argument("--seed", type=int, default=seed)
    parser.add_argument("--kind", choices=list(model.KINDS))
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--trace", action="store_true")
    arguments = parser.parse_args()
    kinds = [arguments.kind] if arguments.kind else list(model.KINDS)
    histories = [(arguments.seed + n // len(kinds), kinds[n % len(kinds)]) for n in range(arguments.histories)]
    print(f"{len(histories)} histories from seed {arguments.seed} on", flush=True)
    began, counts, died = time.monotonic(), collections.Counter(), collections.Counter()
    tasks = [(pathlib.Path(arguments.bin).resolve(), histories[i : i + 5], arguments.trace) for i in range(0, len(histories), 5)]
    with multiprocessing.Pool(arguments.workers) as pool:
        for done, batch in enumerate(pool.imap_unordered(worker, tasks), 1):
            if done % 40 == 0:
                print(f"{done * 5} after {time.monotonic() - began:.0f} s", flush=True)
            for _, _, what, words, deaths in batch:
                counts[what] += 1
                died.update(deaths)
                if what == "differs":
                    print(words, flush=True)
    print(f"{dict(counts)}, {time.monotonic() - began:.0f} s; killed at {dict(sorted(died.items()))}")
    return 1 if counts["differs"] or not counts["holds"] else 0


if __name__ == "__main__":
    sys.exit(main())
