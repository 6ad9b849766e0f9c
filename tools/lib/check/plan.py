"""Plans a check: which groups run, in which order, how long they take here, and why."""

import dataclasses
import functools

from check import runs, touched

# Seconds that a build takes at pace 1 on two processors, with a filled compiler cache. With an empty cache a build takes
# longer, and is stopped when the time is over.
BUILD_SECONDS = {"dev": 120, "tsan": 90, "release": 90}
# Seconds of one batch. A longer batch uses the processors better; a shorter one keeps closer to the time limit.
BATCH_SECONDS = 300
# The tests of every check take this share of their seconds when random tests take fewer rounds. Measured: docs/testing.md.
FEW_ROUNDS_SHARE = 0.8
# Fewer rounds are taken where these tests would need more than this share of the time limit.
CPP_SHARE_MAX = 0.6


@dataclasses.dataclass(frozen=True)
class Row:
    group: object
    kind: str  # always, touched, rotation, left out, or some: of its tests some run.
    why: str
    seconds: float  # On this machine.


def rows(root, graph, groups, record, pace, only_always, share=1):
    """Returns a row for each group: groups of every check, then touched groups, then those with the oldest record. The tests of
    every check take this `share` of their recorded seconds."""
    known = functools.lru_cache(maxsize=None)(touched.changed_since)
    made = []
    for group in groups:
        if only_always and not group.always:
            continue
        why = touched.why_touched(root, graph, group, record, known)
        kind = "touched" if why else "always" if group.always else "rotation"
        entry = record.groups.get(group.name)
        text = why or ("it is part of every check" if group.always else f"it last ran at {entry['commit'][:9]}")
        made.append(Row(group, kind, text, record.seconds(group) * pace * (share if group.always else 1)))
    return sorted(made, key=lambda row: (not row.group.always, row.kind != "touched", -record.age(row.group)))


def without_green(rows_of_plan, green_before):
    """Returns the rows without groups that passed before. A group of which some tests run takes their share of its seconds."""
    left = []
    for row in rows_of_plan:
        run, of = green_before.get(row.group.name, (1, 1))
        if run == of:
            left.append(row)
        elif run:
            why = f"{run} of its {of} tests; the others were green before"
            left.append(dataclasses.replace(row, kind="some", seconds=row.seconds * run / of, why=why))
    return left


def fitting(waiting, pace, seconds_left, built):
    """Splits `waiting` into rows that fit into the time and rows that do not. seconds_left None: there is no limit."""
    if seconds_left is None:
        return list(waiting), []
    run, left_out, built = [], [], set(built)
    for row in waiting:
        needs = row.seconds
        if row.group.preset not in built:
            needs += BUILD_SECONDS[row.group.preset] * pace
        if needs <= seconds_left:
            seconds_left -= needs
            built.add(row.group.preset)
            run.append(row)
        else:
            left_out.append(dataclasses.replace(row, kind="left out"))
    return run, left_out


def batch(run, pace):
    """Returns the first rows of `run` that run together: of one build and kind, or a single command."""
    first = run[0]
    if first.group.command:
        return [first]
    together, seconds = [], 0
    for row in run:
        fits = not together or seconds + row.seconds <= BATCH_SECONDS * pace
        if (row.group.preset, row.kind, row.group.command) == (first.group.preset, first.kind, ()) and fits:
            together.append(row)
            seconds += row.seconds
    return together


def text(rows_of_plan, record, with_reasons=True):
    """Returns the plan as lines: NAME  KIND  MINUTES:SECONDS  WHY. Without reasons all groups are those of every check."""
    lines = []
    for row in rows_of_plan:
        if not with_reasons:
            some = f"  {row.why}" if row.kind == "some" else ""
            lines.append(f"{row.group.name:28} {'runs':9} {runs.clock(row.seconds):>7}{some}")
            continue
        why = left_out_words(row, record) if row.kind == "left out" else row.why
        lines.append(f"{row.group.name:28} {row.kind:9} {runs.clock(row.seconds):>7}  {why}")
    return lines


def left_out_words(row, record):
    entry = record.groups.get(row.group.name)
    if not entry:
        return "it never ran in a recorded check"
    last = f"it last ran at {entry['commit'][:9]}"
    return last if row.why == last else f"{last}; {row.why}"
