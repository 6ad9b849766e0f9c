"""The bulk lines with a real source, its change log, the real agent, and everything on that mirrorctl init turns on:
breaker, metrics, receipts, audit. What one run of the agent takes, from its start to its end."""

from agent_lines import install, once
from bench_run import remove_database
from endpoint import CONTEXT, Endpoint, contents
from processes import Failed


def _cycle(bench, endpoint, action, rows, *arguments):
    """Rows a second of one cycle, which did just this."""
    tables, seconds, _ = once(bench, endpoint, *arguments)
    done = tables[0]
    if done["action"] != action or done["inserts"] + done["updates"] + done["deletes"] != rows:
        raise Failed(f"'{action}' of {rows:,} rows, and mirror-agent did: {done}")
    return rows / seconds


def everything(bench):
    # As many deletes as the breaker looks at and lets pass.
    rows, some = bench.size((2_000_000, 400_000), (500_000, 100_000))
    file, plain = bench.path("source.db"), bench.path("raw.db")
    for _ in bench.turns(f"the agent, a source of {rows:,} rows with its change log, breaker and metrics on"):
        with bench.raw(file) as source, bench.raw(plain) as raw:
            source.step(f"populate count={rows}")
            with Endpoint(bench, "everything", source=file, as_made=True) as endpoint:
                install(bench, endpoint)
                for line, step, action, count, arguments in (
                    ("population", f"populate count={rows}", "populate", rows, ()),
                    ("repopulation", f"populate count={rows} version=1", "populate", rows, ("--repopulate",)),
                    ("update", f"update count={rows} version=2", "changes", rows, ()),
                    ("delete", f"delete count={some}", "changes", some, ()),
                ):
                    reference = raw.rate(step)
                    if action == "changes":
                        source.step(step)
                    rate = _cycle(bench, endpoint, action, count, *arguments)
                    bench.result(f"everything-{line}").add_rates(rate, reference)
                    bench.same([line], contents(endpoint.mirror_file(CONTEXT)), contents(file))
        remove_database(file)
        remove_database(plain)


GROUPS = {"everything": everything}
