"""What a person sees while it runs: on stderr, the time in front."""

import sys
import time

_start = time.monotonic()


def say(text):
    seconds = int(time.monotonic() - _start)
    print(f"[{seconds // 60}:{seconds % 60:02d}] {text}", file=sys.stderr, flush=True)
