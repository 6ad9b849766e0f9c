"""A history of model.py, played by the model and by the programs at once. After each action both must have come to the
same: rows of each system, golden records with their rows and who gave what, deliveries, who is suspended.

What the programs cannot be told is played as the next thing that they can: an agent that the history leaves half way
stands still at the next point where it can, and then does the rest at once, or is killed; a server that it stops in a
derivation is killed in the next one."""

import collections
import contextlib
import copy
import json
import sqlite3
import time

import model
import real_programs as programs

# Whether the agent tells that a key went and was used again between two pushes; without it histories go around that.
ENDED_TOLD = True
HOUR_MS = 3_600_000
PATIENCE_S = 20
POINT_OF = {"authenticated": "agent.begun", "announced": "agent.announced", "sent": "agent.sent",
            "completed": "agent.completed", "fetched": "agent.forgot", "transported": "agent.transported",
            "imported": "agent.imported"}
# Where an agent can stand still: it holds no lock of its database, and has read nothing that it has not sent.
PAUSES = ("agent.begun", "agent.sent", "agent.completed", "agent.forgot", "agent.transported", "agent.imported")
HUB_POINTS = {"hub.deriving": "looked", "hub.committed": "derived", "hub.acknowledged": "acknowledged"}


class Differs(Exception):
    """The programs and the model do not say the same."""


class Unclear(Exception):
    """They do not, and deliveries of one derivation, which go in any order, may be why."""


def as_programs_have_it(config):
    """What is not the configuration's there: limits are constants, and systems are too small for the breaker."""
    config.sources = [name for name in config.sources if config.Tables(name)]  # Others are nobody's members.
    config.rows_percent, config.limit, config.retention = 0, 1000, 1 << 50
    config.freeze_after, config.freeze_window = 4, HOUR_MS
    for entity in config.entities.values():
        entity.complete = tuple(name for name in entity.complete if name in config.sources)
    config.stamps = ()  # Random values of a trigger cannot be the same twice.
    config.skew = {name: HOUR_MS * (skew > 0) - HOUR_MS * (skew < 0) for name, skew in config.skew.items()}
    for name, heal in config.heal.items():
        entities = {config.MemberOf(name, table).entity for table in config.Tables(name)}
        if heal == "newest" and not all(config.entities[e].changed for e in entities):
            config.heal[name] = "ours"  # The same, and the operator cannot say it.
    return config


class TrackedSource(model.Source):
    """What a user does here is done in the database, too."""

    def Put(self, table, key, values, edits, born, kind):
        there = key in self.tables[table]
        super().Put(table, key, values, edits, born, kind)
        if self.world.user and table != model.LEDGER:
            self.world.Write(self.name, table, key, values, kind, there)

    def Remove(self, table, key):
        super().Remove(table, key)
        if self.world.user:
            system = self.world.real.systems[self.name]
            gone = system.write(f"DELETE FROM {table} WHERE {system.key(table)} = ?", (key,))
            self.world.Must(gone == 1, f"{self.name}.{table} has no row {key!r}")

    def Refuse(self, d, now, reason):
        done = super().Refuse(d, now, reason)
        entry = self.tables[model.LEDGER][d.id]
        entry.values["next"] = now + HOUR_MS
        return done

    def Retry(self):
        for id, row in list(self.tables[model.LEDGER].items()):
            if row.values["state"] == "REFUSED" and row.values["next"] > 0:
                self.Put(model.LEDGER, id, dict(row.values, next=0), {}, 0, "row")


class Lockstep(model.World):
    def __init__(self, config, real, rng, trace=False):
        super().__init__(as_programs_have_it(config), model.Rules(), trace)
        self.sources = {s: TrackedSource(s, config, self) for s in config.sources}
        self.real, self.rng, self.user = real, rng, False
        self.break_at = None  # The point at which the next derivation is broken off.
        self.died = collections.Counter()  # point -> how often
        self.reports = {}  # Of the last whole run of each system.
        self.order = {}  # What the programs did in a run, by which comes first; see Reorder().
        self.moment = None  # Of what the hub is doing, else None: a derivation is of one time, there as here.
        real.begin(config, self.Columns)

    # The clock of both.

    @property
    def now(self):
        return self.moment or int(time.time() * 1000)

    @now.setter
    def now(self, _):
        pass

    @contextlib.contextmanager
    def OneMoment(self):
        self.moment = self.now
        try:
            yield
        finally:
            self.moment = None

    def RunHub(self):
        with self.OneMoment():
            super().RunHub()

    def Must(self, holds, words):
        if not holds:
            raise Differs(words)

    # Users.

    def Write(self, name, table, key, values, kind, there):
        system = self.real.systems[name]
        own = {} if system.key(table) in values else {"pk": key}
        columns = {**own, **values}
        names = ", ".join(columns)
        if kind == "row":
            verb = "INSERT OR REPLACE" if there else "INSERT"
            marks = ", ".join("?" * len(columns))
            count = system.write(f"{verb} INTO {table} ({names}) VALUES ({marks})", tuple(columns.values()))
        else:
            changed = sorted(kind)
            sets = ", ".join(f"{c} = ?" for c in changed)
            count = system.write(f"UPDATE {table} SET {sets} WHERE {system.key(table)} = ?",
                                 (*(values[c] for c in changed), key))
        self.Must(count == 1, f"{name}.{table}: {count} rows written at {key!r}")

    def Do(self, action):
        self.user = action[0] in ("insert", "update", "replace", "delete", "reinsert", "rewrite", "job")
        before = self.now
        while self.now == before:
            pass  # Two edits are never of one time.
        try:
            super().Do(action)
        finally:
            self.user = False

    def EndedSince(self, source, table, key):
        lsn = max(self.server.MirrorOf(source.name).position[table].lsn, 0)
        return any(kind == "end" and ended == key for ended, kind in source.log[table][lsn:])

    def UserInsert(self, source, table, values, key=None):
        if not ENDED_TOLD:
            member = self.config.MemberOf(source.name, table)
            its = key or (source.NextKey(table) if member.key == "database" else values[member.key])
            if self.EndedSince(source, table, its):
                return
        super().UserInsert(source, table, values, key)

    def UserDelete(self, source, table, key):
        if ENDED_TOLD or not source.inbox:  # else an INSERT might use the key again
            super().UserDelete(source, table, key)

    def Do_reinsert(self, *arguments):
        if ENDED_TOLD:
            super().Do_reinsert(*arguments)

    def Do_rewrite(self, *arguments):
        if ENDED_TOLD:
            super().Do_rewrite(*arguments)

    def Do_refuse(self, name, on):
        super().Do_refuse(name, on)
        self.real.systems[name].refuse(on)

    def Do_tick(self, _):
        pass

    # Agents.

    def Do_run(self, name):
        self.Play(name, "run", 0)

    def Do_step(self, name, count):
        # Of the model's, each step goes on where the last one ended; an import comes late.
        self.Play(name, "run", count + self.rng.choice([0, 0, 8]))

    def Do_half(self, name, half):
        self.Play(name, half, 0)

    def Play(self, name, half, stop):
        """`stop`: so many steps, then it stands still or is killed at the next point where the program can be."""
        if name in self.agents:
            return self.GoOn(name)
        words = {"run": "once", "push": "once"}.get(half, half)
        if half == "import" and not self.sources[name].inbox:
            return  # The program pushes nothing then, unless the run before may have left something untold.
        before, dice = self.Snapshot(), self.rng.getstate()
        point, how = self.PlayModel(name, half, stop)
        if half == "push" and words == "once" and point is None:
            point, how = "agent.forgot:1", "killed"
        self.PlayReal(name, words, point, how)
        try:
            self.Compare()
        except Differs:
            if not self.FindOrder(name):
                raise
            if before is None:
                raise Unclear from None
            # Deliveries of one derivation go in any order.
            self.TakeBack(before)
            self.rng.setstate(dice)
            self.PlayModel(name, half, stop)
            self.Compare()
        finally:
            self.order = {}

    def GoOn(self, name):
        """Of a run that stood still: the rest."""
        later, self.break_at = self.break_at, None  # The server that runs has no point named.
        self.PlayModel(name, "run", 0)
        self.break_at = later
        self.CheckEnd(name, self.real.systems[name].go_on())
        try:
            self.Compare()
        except Differs:
            if self.FindOrder(name):
                raise Unclear from None
            raise

    def PlayReal(self, name, words, point, how):
        if how == "paused":
            system = self.real.systems[name]
            came = system.pause(point, words)
            if not came and "busy: cycle" in system.said:
                self.Ctl("resume", name)  # As below.
                came = system.pause(point, words)
            self.Must(came, f"{name}'s agent did not come to {point}")
            self.died["paused"] += 1
            return
        environment = {"MIRROR_CRASH_AT": point} if point else {}
        broken = how if how in HUB_POINTS else None
        if broken:
            self.real.start_again(MIRROR_CRASH_AT=f"{broken}:{1 if broken == 'hub.acknowledged' else 2}")
        system, words_of_json = self.real.systems[name], ["--json"] if words == "once" and not point else []
        done = system.agent(words, *words_of_json, **environment)
        if "busy: cycle" in done.stderr:  # A backup had been made of a mirror in the midst of a cycle.
            self.Ctl("resume", name)
            done = system.agent(words, *words_of_json, **environment)
        if broken:
            self.BreakReal(broken)
        elif point:
            self.Must(done.returncode == -9, f"{name}'s agent lived through {point}: {done.stdout}{done.stderr}")
            self.died[point.split(":")[0]] += 1
        else:
            self.CheckEnd(name, done)
            if words_of_json:
                self.reports[name] = json.loads(done.stdout)["sources"][0]

    def CheckEnd(self, name, done):
        told = "refused" in done.stdout or "was ended at the mirror" in done.stderr
        self.Must(done.returncode == 0 or done.returncode == 1 and told, f"{name}'s agent: {done.returncode}, {done.stdout}{done.stderr}")

    def BreakReal(self, broken):
        try:
            self.real.server.process.wait(1)
            self.died[broken] += 1
        except programs.subprocess.TimeoutExpired:
            pass  # It had nothing to derive: killed here, it is as if it had died there.
        self.real.start_again()

    def Snapshot(self):
        """None: of a run that stands still none can be made."""
        if self.agents:
            return None
        memo = {id(one): one for one in (self, self.real, self.config, self.rules, self.tracer)}
        return copy.deepcopy((self.sources, self.server, self.witness, self.counter, self.break_at), memo)

    def TakeBack(self, before):
        self.sources, self.server, self.witness, self.counter, self.break_at = before
        self.agents.clear()  # There were none: one that stands still by now begins anew.

    def FindOrder(self, name):
        """Of what the ledger of that system has of a run; whether that tells anything."""
        said = self.real.systems[name].ledger()
        self.order = {self.NameOf(*entry): place for place, entry in enumerate(said)}
        return len(self.order) > 1

    def NameOf(self, operation, table, key, wishes):
        return operation, table, key if operation != "INSERT" else "", repr(sorted(wishes.items()))

    def Reorder(self):
        """In the model, too."""
        if not self.order:
            return
        for d in self.server.hub.deliveries.values():
            key = "" if d.key is None else programs.key_text(d.key)
            name = self.NameOf(d.operation, d.table, key, {c: v[0] for c, v in d.columns.items()})
            d.number = self.order.get(name, d.number + len(self.order))

    def PlayModel(self, name, half, stop):
        """(point, what became of it there: killed, paused, or the point of the hub where the server was killed)"""
        counts, steps, reads = collections.Counter(), 0, 0
        while True:
            completed = self.server.CompletedCycle(name)
            alive = self.Step(name, half)
            if self.server.CompletedCycle(name) != completed:
                if self.break_at is not None:
                    broken, self.break_at = self.break_at, None
                    self.BreakModel(broken)
                    return f"agent.completed:{counts['completed'] + 1}", broken
                self.RunHub()
                self.Reorder()
            if not alive:
                return None, None
            counts[self.at] += 1
            reads = reads + 1 if self.at == "read" else 0 if self.at == "announced" else reads
            steps += 1
            point = self.PointNow(name, counts, reads) if stop and steps >= stop else None
            if point is None:
                continue
            if point.split(":")[0] in PAUSES and self.rng.random() < 0.5:
                return point, "paused"
            self.Kill(name)
            return point, "killed"

    def PointNow(self, name, counts, reads):
        inbox = len(self.sources[name].inbox)
        if self.at == "read":
            return f"agent.recorded:{counts['announced']}" if reads == 1 else None
        if self.at in ("transported", "imported") and inbox and self.rng.random() < 0.4:
            return f"agent.importing:{counts['imported'] + 1}"
        point = POINT_OF.get(self.at)
        return f"{point}:{counts[self.at]}" if point else None

    def BreakModel(self, broken):
        self.real.kill_paused()
        with self.OneMoment():
            for at in model.HubRun(self):
                if at == HUB_POINTS[broken]:
                    break
        super().Do_kill_server()
        self.RunHub()

    def Do_hub(self, _):
        if any(m.completed_cycle for m in self.server.mirrors.values()):
            self.break_at = self.rng.choice(list(HUB_POINTS))

    def Do_other(self, _):
        pass

    # Faults and who mends them.

    def Do_kill(self, name):
        super().Do_kill(name)
        if self.real.systems[name].paused is not None:
            self.real.systems[name].go_on(kill=True)

    def Do_kill_server(self):
        super().Do_kill_server()
        self.real.kill_paused()
        self.break_at = None

    def Killed(self):
        self.real.start_again()
        self.RunHub()
        self.Compare()

    def DoKilled(self):
        self.Do_kill_server()
        self.Killed()

    def Do_backup(self, what):
        kind, _, name = what.partition(":")
        if kind == "hub" and not self.real.hub.exists() or kind == "mirror" and not self.real.mirror(name).exists():
            return
        super().Do_backup(what)
        self.real.keep(what)

    def Do_restore(self, what):
        if what in self.backups:
            super().Do_restore(what)
            self.real.put_back(what)
            self.RunHub()
            self.Compare()

    def Do_lose_hub(self):
        super().Do_lose_hub()
        self.real.end()
        self.real.take_away(self.real.hub)
        self.real.server.start()
        self.RunHub()
        self.Compare()

    def Do_reset_mirror(self, name):
        if self.real.mirror(name).exists():
            super().Do_reset_mirror(name)
            self.Ctl("reset", name, "--all", "--confirm", name)

    def Do_delete_mirror(self, name):
        if self.real.mirror(name).exists():
            super().Do_delete_mirror(name)
            self.real.end()
            self.real.take_away(self.real.mirror(name))
            self.real.server.start()
            self.RunHub()
            self.Compare()

    def Do_invalidate(self, name, table):
        there = self.real.mirror(name).exists() and self.server.MirrorOf(name).position[table].lsn >= 0
        if there and (table != model.LEDGER or self.Writes(name)):
            super().Do_invalidate(name, table)
            self.server.MirrorOf(name).active = False  # The command ends a cycle that is under way.
            self.Ctl("invalidate", name, "--table", table)

    def Writes(self, name):
        """Else its ledger is not mirrored."""
        return any(self.config.MemberOf(name, table).write for table in self.config.Tables(name))

    def Ctl(self, *words):
        done = self.real.ctl(*words)
        self.Must(done.returncode == 0, f"mirrorctl {' '.join(words)}: {done.stderr}")

    def Do_operator(self):
        hub = self.server.hub
        if hub.hold or any(d.state != "OPEN" for d in hub.deliveries.values()) or any(r.unsure for r in hub.rows.values()):
            self.Ctl("hub", "hold", "commit", "Acme")
            for d in hub.deliveries.values():
                d.state = "OPEN"
            for row in hub.rows.values():
                row.unsure = False
            hub.hold = hub.hold and any(f.suspended is not None or f.cycle == 0 for f in hub.feeds.values())
        for name in self.Restored():
            heal = self.config.heal.get(name, "ours")
            self.ResumeBoth({name: heal}, name, "--take", heal)
        self.ResumeStorage(None)

    def Do_without(self, name):
        self.ResumeStorage(name)

    def Restored(self):
        """Those that need a word of their own."""
        return [n for n, f in self.server.hub.feeds.items() if f.suspended is not None and f.own_restore]

    def ResumeStorage(self, without):
        """The command leaves out one, and one that was restored has to be left out."""
        left_out = {*self.Restored(), *([without] if without else [])}
        if len(left_out) > 1:
            return
        without = next(iter(left_out), None)
        mode = "theirs" if self.config.insert else "as_is"
        modes = {name: mode for name, feed in self.server.hub.feeds.items()
                 if feed.suspended is not None and name != without}
        if modes:
            self.ResumeBoth(modes, *(["--insert"] if self.config.insert else []),
                            *(["--without", without] if without else []))

    def ResumeBoth(self, modes, *words):
        done = self.real.ctl("hub", "resume", "Acme", *words)
        early = "completed no cycle since" in " ".join(done.stderr.split())
        before = {n: f.suspended for n, f in self.server.hub.feeds.items()}
        with self.OneMoment():
            self.Resume(modes)
        resumed = all(self.server.hub.feeds[n].suspended != before[n] for n in modes)
        self.Must(early != resumed, f"hub resume {words}: {done.returncode} {done.stderr}, the model: {resumed}")
        self.Compare()

    # Quiet.

    def Quiesce(self):
        self.Note("everybody stops writing")
        self.DoKilled()
        for name in self.sources:
            self.Do_refuse(name, False)
        quiet = 0
        for _ in range(40):
            before = self.Signature()
            self.Do_operator()
            for name, source in self.sources.items():
                self.user = True
                self.Job(source)
                self.user = False
                source.Retry()
                self.real.systems[name].retry()
                self.Do_run(name)
            # One round more where somebody is waited for: an operator may come too early.
            hub = self.server.hub
            waits = hub.deliveries or hub.hold or any(f.suspended is not None or not f.cycle for f in hub.feeds.values())
            quiet = quiet + 1 if self.Signature() == before else 0
            if quiet >= (3 if waits else 1):
                break
        else:
            raise model.Violation("it does not come to rest in 40 rounds")
        self.Check()
        self.Idle()

    def Idle(self):
        """The last round sent nothing; that it wrote nothing, the model says."""
        for name, report in self.reports.items():
            done = report["deliveries"] or {}
            left = [done.get(word, 0) for word in ("fetched", "applied", "conflicts", "refused")]
            self.Must(not self.Writes(name) or not any(left) and not done.get("waiting"), f"{name} is not at rest: {report}")

    # What both say.

    def Compare(self):
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                model_says, program_says = self.OfModel(), self.OfPrograms()
                if model_says == program_says:
                    return
            except sqlite3.OperationalError:  # Its tables are being made.
                program_says = {}
            if time.monotonic() > end:
                raise Differs(Difference(model_says, program_says))
            time.sleep(0.005)

    def OfModel(self):
        hub, says = self.server.hub, {}
        for name, source in self.sources.items():
            for table in self.config.Tables(name):
                says[name, table] = {k: r.values for k, r in source.tables[table].items()}
        ref = lambda r: (r[0], r[1], programs.key_text(r[2]))
        members = collections.defaultdict(list)
        for r, row in hub.rows.items():
            members[row.golden].append(r)
        says["records"] = sorted((
            sorted((*ref(r), hub.rows[r].doomed, hub.rows[r].unsure, sorted(
                (a, repr(v.value), v.own) for a, v in hub.rows[r].attributes.items() if a[0] != "#"))
                for r in members[id]),
            sorted((a, repr(v.value), ref(v.giver)) for a, v in golden.values.items()),
            sorted(golden.had), sorted(golden.frozen)) for id, golden in hub.golden.items() if members[id])
        says["deliveries"] = sorted(
            (d.data_source, d.table, d.operation, "" if d.key is None else programs.key_text(d.key), d.state,
             sorted((c, repr(v[0])) for c, v in d.columns.items())) for d in hub.deliveries.values())
        says["suspended"] = {n: (f.suspended is not None, bool(f.own_restore and f.suspended)) for n, f in hub.feeds.items()}
        says["hold"] = hub.hold
        # A derivation that comes late would read two cycles at once: what came first would be of the same time.
        says["read"] = {n: f.cycle == self.server.CompletedCycle(n) for n, f in hub.feeds.items()}
        return says

    def OfPrograms(self):
        says = {}
        for name, system in self.real.systems.items():
            for table in self.config.Tables(name):
                says[name, table] = system.rows(table)
        if not self.real.hub.exists():
            nobody = {name: (False, False) for name in self.config.sources}
            return {**says, "records": [], "deliveries": [], "suspended": nobody, "hold": False,
                    "read": {name: self.real.completed_cycle(name) == 0 for name in self.config.sources}}
        with self.real.look_at_hub() as ask:
            return {**says, **self.OfHub(ask)}

    def OfHub(self, ask):
        says = {}
        records = {id: ([], values, had, frozen) for id, values, had, frozen in ask(
            "SELECT golden_id, says, had, frozen FROM _hub_records")}
        for id, *ref, doomed, unsure, said in ask("SELECT golden_id, data_source, table_name, key, doomed, unsure, "
                                                  "says FROM _hub_rows WHERE golden_id IS NOT NULL"):
            said = sorted((a, repr(v[0]), len(v) > 2 and bool(v[2])) for a, v in json.loads(said).items())
            records[id][0].append((*ref, bool(doomed), bool(unsure), said))
        says["records"] = sorted((
            sorted(rows), sorted((a, repr(v[0]), tuple(v[2:5])) for a, v in json.loads(values or "{}").items()),
            sorted(json.loads(had)), sorted(json.loads(frozen))) for rows, values, had, frozen in records.values() if rows)
        says["deliveries"] = sorted(
            (s, t, programs.OPERATIONS[o], k, programs.STATES[state],
             sorted((c, repr(v[0])) for c, v in json.loads(body).get("columns", {}).items()))
            for s, t, o, k, state, body in ask(
                "SELECT data_source, table_name, operation, key, state, body FROM _hub_deliveries"))
        suspended = {s: (bool(at), bool(own and at)) for s, at, own in ask("SELECT data_source, suspended, own_restore FROM _hub_feeds")}
        says["suspended"] = {name: suspended.get(name, (False, False)) for name in self.config.sources}
        says["hold"] = any(hold for (hold,) in ask("SELECT hold FROM _hub_state"))
        cycles = dict(ask("SELECT data_source, cycle FROM _hub_feeds"))
        says["read"] = {n: cycles.get(n, 0) == self.real.completed_cycle(n) for n in self.config.sources}
        return says


def Difference(model_says, program_says):
    lines = []
    for what, ours in model_says.items():
        theirs = program_says.get(what)
        if ours == theirs:
            continue
        lines.append(f"  {what}")
        if isinstance(ours, list) and isinstance(theirs, list):
            lines += [f"    the model alone: {one}" for one in ours if one not in theirs]
            lines += [f"    the programs alone: {one}" for one in theirs if one not in ours]
        else:
            lines += [f"    the model: {ours}", f"    the programs: {theirs}"]
    return "they differ\n" + "\n".join(lines)
