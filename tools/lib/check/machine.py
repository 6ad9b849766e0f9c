"""What this machine may use: its processors and memory, or those that a container was given."""

import os
import pathlib

CGROUP = pathlib.Path("/sys/fs/cgroup")
# Memory that one compiler needs at most.
COMPILER_GB = 2


def _limit(name, cgroup):
    """Returns the numbers of a file of the control group; an empty list where it sets no limit."""
    try:
        words = (cgroup / name).read_text(encoding="ascii").split()
    except OSError:
        return []
    return [int(word) for word in words] if all(word.isdigit() for word in words) else []


def processors(cgroup=CGROUP):
    available = len(os.sched_getaffinity(0))
    quota = _limit("cpu.max", cgroup)  # Microseconds of processor time in each period.
    return max(1, min(available, round(quota[0] / quota[1]))) if len(quota) == 2 and quota[1] else available


def gigabytes(cgroup=CGROUP):
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *_limit("memory.max", cgroup)]) / 1e9


def fitting(processes, each):
    """Returns how many of these processes can run at a time, if each needs this many GB."""
    return max(1, min(processes, int(gigabytes() / each)))


def compilers():
    """Returns how many compilers can run at a time."""
    return fitting(processors() + 1, COMPILER_GB)


def workers():
    """Returns how many processors a build can use: memory limits the compilers."""
    return min(processors(), compilers())


if __name__ == "__main__":
    print(compilers())
