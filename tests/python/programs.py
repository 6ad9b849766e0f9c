"""Programs that a test starts see nothing of whoever runs the test: a configuration is found in the current folder and
in /etc alone, colours and width are those of a machine that says nothing about them."""

import os
import subprocess

import sanitizer_words

# On a slow machine tools/check gives each test more time.
PATIENCE_S = 120 * int(os.environ.get("MIRROR_TEST_TIMES", "1"))
DROPPED = ("NO_COLOR", "COLUMNS", "XDG_CONFIG_HOME", "MIRRORCTL_CONFIG", "MIRROR_AGENT_CONFIG", "MIRROR_SERVER_CONFIG")


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if name not in DROPPED}
    return kept | {"TERM": "xterm", "HOME": "/nonexistent"} | {name: str(value) for name, value in more.items()}


def run(program, *arguments, cwd=None, **more):
    """Until its end; `more` stands in its environment."""
    done = subprocess.run(
        [program, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        cwd=cwd,
        env=environment(**more),
    )
    sanitizer_words.check(done.stderr)
    return done
