"""Compiles each file of a build folder by itself, without code: it finds an include that is missing, and a file that needs
another one of its room to be compiled before it.

Usage: compile_alone.py BUILD_FOLDER

Reads compile_commands.json of the folder. Exit code: 0 each file compiles, 1 some do not (they are named with the errors).
"""

import concurrent.futures
import json
import pathlib
import shlex
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from check import machine  # noqa: E402


def command_of(entry):
    words = shlex.split(entry["command"])
    # Behind the compiler's cache and its variables.
    words = words[next(at for at, word in enumerate(words) if word.rpartition("/")[2] in ("clang++", "clang")) :]
    output = words.index("-o")
    return [word for at, word in enumerate(words) if at not in (output, output + 1) and word != "-c"] + ["-fsyntax-only"]


def compile_one(entry):
    done = subprocess.run(command_of(entry), cwd=entry["directory"], capture_output=True, text=True, check=False)
    return entry["file"], done.returncode == 0, done.stdout + done.stderr


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    entries = json.loads(pathlib.Path(sys.argv[1], "compile_commands.json").read_text(encoding="utf-8"))
    entries = [entry for entry in entries if entry["file"].endswith((".cc", ".cpp"))]
    wrong = []
    with concurrent.futures.ThreadPoolExecutor(machine.compilers()) as pool:
        for done, (file, good, said) in enumerate(pool.map(compile_one, entries), start=1):
            if not good:
                wrong.append(file)
            if said:
                print(f"{file}:\n{said}", flush=True)
            if done % 100 == 0:
                print(f"{done} of {len(entries)}", flush=True)
    print(f"{len(entries) - len(wrong)} of {len(entries)} files compile by themselves")
    if wrong:
        sys.exit("These do not:\n  " + "\n  ".join(wrong))


if __name__ == "__main__":
    main()
