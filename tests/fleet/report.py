"""The table at the end."""

import collections

SHOWN_MAX = 10
# What a fleet promises: how it is called, and what is said where it was kept.
PROMISES = {
    "lost": ("lost", "nothing"),
    "doubled": ("doubled", "nothing"),
    "repopulated": ("populated again without need", "none"),
    "refused": ("refused for another reason than a failure", "nothing"),
    "stuck": ("made no progress", "none"),
    "ended": ("ended without being killed", "none"),
}


def seconds(value):
    return "-" if value is None else f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def print_strikes(strikes):
    """Each: when, what, until the next acknowledged commit, a client's longest wait for one, until all was whole."""
    width = max(len(what) for what in ["what was struck", *(what for _, what, *_ in strikes)])
    print(f"\n{'at':>8}  {'what was struck':<{width}}  next commit  longest wait  whole again")
    for at, what, *times in strikes:
        shown = "  ".join(f"{seconds(one):>{size}}" for one, size in zip(times, (11, 12, 11)))
        print(f"{seconds(at):>8}  {what:<{width}}  {shown}")


def findings_of(tenants):
    found = collections.defaultdict(list)
    for tenant in tenants:
        for kind, words in tenant.findings:
            found[kind].append(words)
    return found


def print_verdict(found):
    """Whether all was kept."""
    print()
    width = max(len(title) for title, _ in PROMISES.values()) + 1
    for kind, (title, kept) in PROMISES.items():
        words = found.get(kind, [])
        print(f"{title + ':':<{width}} {len(words) or kept}")
        for one in words[:SHOWN_MAX]:
            print(f"  {one}")
        if len(words) > SHOWN_MAX:
            print(f"  and {len(words) - SHOWN_MAX} more")
    return not any(found.values())


def print_counts(tenants, rows, took):
    counts = sum((tenant.counts for tenant in tenants), collections.Counter())
    cycles = sum(tenant.cycles for tenant in tenants)
    print(f"\n{len(tenants):,} tenants, {cycles:,} cycles, {counts['commits']:,} commits acknowledged in {took:.0f} s")
    print(f"{rows:,} rows of all mirrors compared with their sources, read with psql at the primary")
    failed = {name: count for name, count in counts.items() if ":" in name}
    if failed:
        shown = ", ".join(f"{name} {count:,}" for name, count in sorted(failed.items()))
        print(f"calls that were tried again: {shown}")
    if counts["answers lost"]:
        print(f"commits whose answer was lost, and that were found and not sent twice: {counts['answers lost']:,}")
