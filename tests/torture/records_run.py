"""One run: requests that are repeated until they are answered, whoever dies meanwhile, and what has to be there then."""

import re
import time

from tests.torture.place import Broken
from tests.torture.records_model import Model, columns_of, spelled
from tests.torture.records_place import NOT_ANSWERED, PATIENCE_S, http_door, pairs, wait_for, wait_until_dead

NOT_KEPT = "the disk did not keep what was written"
OVER = ("FINISHED", "DIED", "COULDNT_START")
BUSY = (429, 503)
CHILD_KILLS_MAX = 3  # A job gives up behind the fifth.


class Run:
    def __init__(self, place, dice):
        self.place, self.dice = place, dice
        self.model = Model()
        self.kept = []  # Answers under a key: (write, form, body).
        self.deaths = self.repeated = self.busy = 0
        self.waits_for_death = False  # Until then nothing is asked of the other server.
        self.may_be_busy = False  # The disk fails now and then.
        self.kills_children = 0.0
        self.after_death = lambda: None
        self.known = {}  # (tenant, external id): what the server gave it.

    # --- Asking ---

    def ask(self, method, path, first=False, **more):
        """Of one of the servers. None: it broke off."""
        is_first = first or not self.place.other_runs or (self.waits_for_death and self.deaths == 0)
        which = 0 if is_first or self.dice.random() < 0.5 else 1
        try:
            return self.place.doors[which].request(method, path, **more)
        except NOT_ANSWERED:
            self.place.doors[which].close()
            if which == 1:
                raise
            return None

    def revive(self):
        """The server with the faults is gone; one without them takes its place."""
        if self.place.server is not None and not wait_until_dead(self.place):
            raise Broken("the server broke a request off, and lives")
        self.deaths += 1
        self.place.start()
        self.after_death()

    def revive_if_dead(self):
        if self.place.server is not None and self.place.server.poll() is not None:
            self.revive()

    def read(self, method, path, **more):
        """What changes nothing is asked until it is answered."""
        end = time.monotonic() + PATIENCE_S
        while True:
            answer = self.ask(method, path, **more)
            if answer is None:
                self.revive()
            elif self.is_resumed(answer):
                continue
            elif answer.status not in BUSY or not self.may_be_busy:
                return answer
            elif time.monotonic() > end:
                raise Broken(f"it is busy for ever: {answer}")

    def is_resumed(self, answer):
        """What the operator does of a log that alone has the rows: his disk is whole again."""
        if answer.status != 500 or not self.may_be_busy or NOT_KEPT not in answer.text:
            return False
        tenant = re.search(r"the mirror of '([^']+)'", answer.text)[1]
        done = self.place.ctl("resume", tenant)
        if done.returncode != 0:
            raise Broken(f"mirrorctl resume: {done.stderr}")
        return True

    def send(self, write, form=None, gives_up=False):
        """Its answer. The model is as the request leaves it from then on. None: nobody repeats it."""
        if write.key and len(write.key.encode()) > 64:
            raise Broken("the key is too long")
        headers = {"Idempotency-Key": write.key} if write.key else None
        cut, end = False, time.monotonic() + PATIENCE_S
        while True:
            answer = self.ask(
                write.method, write.path, first=write.only_first, json=write.json, body=form, query=write.query, headers=headers
            )
            if answer is None:
                cut = True
                self.repeated += 1
                self.revive()
                self.check_whole(write)
                if gives_up:
                    return None
            elif self.is_resumed(answer):
                cut = True
            elif answer.status in BUSY and self.may_be_busy:
                # It says that nothing was applied; of what is done step by step the steps before may be.
                cut = True
                self.busy += 1
                self.check_whole(write)
                if time.monotonic() > end:
                    raise Broken(f"{write.name}: it is busy for ever: {answer}")
                time.sleep(0.01)
            elif self.is_gone_link(write, answer, cut):
                return None
            else:
                self.check_answer(write, answer, cut)
                self.model = write.after
                for tenant_id in [key for key in self.known if not self.is_there(*key)]:
                    del self.known[tenant_id]
                if write.key and answer.status < 300:
                    self.kept.append((write, form, answer.body))
                self.forget_answers()
                return answer

    def is_there(self, tenant, external_id):
        source = self.model.tenants().get(tenant)
        return source is not None and external_id in source.rows

    @staticmethod
    def is_gone_link(write, answer, cut):
        """A job that a kill met between its file and its row: the file has to be sent again."""
        return cut and write.path == "/jobs/importjobs" and answer.status == 400

    def forget_answers(self):
        """Those of a data source go with it."""
        sources = {(storage, source) for storage, all_of_it in self.model.storages.items() for source in all_of_it}
        self.kept = [kept for kept in self.kept if kept[0].of in sources]

    def check_answer(self, write, answer, cut):
        if cut and write.status != answer.status and answer.status in write.again:
            return
        if answer.status != write.status:
            raise Broken(f"{write.name}: {write.status} was expected{' when it was sent again' if cut else ''}:\n{answer}")
        body = answer.json()
        if cut and not write.key:
            return
        wrong = {name: body.get(name) for name, value in write.expected.items() if body.get(name) != value}
        if wrong:
            wanted = {name: write.expected[name] for name in wrong}
            raise Broken(f"{write.name}: {wanted} was expected, and not {wrong}")
        if write.query and "erase" in write.query and write.status == 200 and body["erasedAt"] is None and not self.may_be_busy:
            raise Broken(f"{write.name}: it is not erased: {answer}")

    def repeat_answers(self):
        """Of requests that were answered: each gets its first answer once more, also where its rows are gone."""
        if not self.kept:
            return
        for write, form, body in self.dice.sample(self.kept, min(6, len(self.kept))):
            answer = self.ask(
                write.method,
                write.path,
                first=write.only_first,
                json=write.json,
                body=form,
                query=write.query,
                headers={"Idempotency-Key": write.key},
            )
            if answer is None:
                self.revive()
            elif answer.status not in BUSY and without_time(answer.body) != without_time(body):
                raise Broken(f"{write.name}: its first answer was {body}, and this came:\n{answer}")

    # --- Jobs ---

    def run_job(self, storage, source, requests, by_link, **more):
        write, fields, content, end = requests.job(self.model, storage, source, **more)
        while True:
            if by_link:
                form = http_door.multipart_form(fields | {"url": self.upload(content)})
            else:
                form = http_door.multipart_form(fields, http_door.File("partners.csv", content))
            answer = self.send(write, form)
            if answer is not None:
                break
        job = self.wait_for_job(answer.json()["id"], write)
        if job["status"] != "FINISHED":
            raise Broken(f"{write.name}: {job['status']}: {job['statusMessage']}")
        lines = sorted(one["line"] for one in job["failures"])
        got = {name: job[name] for name in end if name != "lines"} | {"lines": lines}
        if got != end:
            raise Broken(f"{write.name}: {end} was expected, and not {got}")

    def upload(self, content):
        """Its url, once it is there."""
        while True:
            link = self.read("POST", "/files/upload", first=True, json={"url": "partners.csv"}).expect(200).json()
            answer = self.ask("PUT", link["uploadLink"], first=True, body=content, key=http_door.NO_KEY)
            if answer is None:
                self.revive()
            elif answer.status == 200:
                return link["url"]
            elif answer.status != 404 and not (answer.status in BUSY and self.may_be_busy):
                raise Broken(f"an upload: {answer}")

    def wait_for_job(self, job, write):
        seen, last, kills = {}, -1, 0

        def look():
            nonlocal last, kills
            self.revive_if_dead()
            if kills < CHILD_KILLS_MAX and self.dice.random() < self.kills_children and self.place.kill_import():
                kills += 1
            answer = self.read("GET", f"/jobs/importjobs/{job}")
            if answer.status != 200:
                raise Broken(f"{write.name}: {answer}")
            seen.update(answer.json())
            if seen["progress"] < last:
                raise Broken(f"{write.name}: its progress went back from {last} to {seen['progress']}")
            last = seen["progress"]
            return seen["status"] in OVER

        wait_for(f"the end of {write.name}", look)
        self.deaths += kills
        return seen

    # --- What is there ---

    def check_whole(self, write):
        """Behind a kill, before anything is sent again: a request is there wholly or not at all."""
        if write.in_pieces:
            return
        before, after = self.model.tenants(), write.after.tenants()
        for tenant in before.keys() | after.keys():
            either = [one[tenant].rows if tenant in one else None for one in (before, after)]
            # Of one moment: a job may go on.
            found = self.table(tenant, lines=True)
            if found is not None:
                found = {external_id: row[0] for external_id, row in found.items()}
            if found not in either:
                raise Broken(f"{write.name}: {tenant} is neither as before nor as after it: {difference(found, either)}")

    def pages(self, tenant):
        """External id: (the record, id, createdAt). None: it is not there."""
        storage, _, source = tenant.partition("--")
        found, after = {}, None
        while True:
            query = {"dataSource": source or "default", "limit": self.dice.choice((7, 100, 1000))}
            query |= {"startAfter": after} if after is not None else {}
            answer = self.read("GET", f"/v4/storages/{storage}/businesspartners", query=query)
            if answer.status == 404:
                return None
            page = answer.expect(200).json()
            for one in page["values"]:
                if one["externalId"] in found:
                    raise Broken(f"{tenant}: {one['externalId']!r} is on two pages")
                found[one["externalId"]] = (pairs(one["record"]), one["id"], one["createdAt"])
            after = page["nextStartAfter"]
            if after is None:
                if page["total"] != len(found):
                    raise Broken(f"{tenant}: {page['total']} rows are told, and {len(found)} are on the pages")
                return found

    def table(self, tenant, lines):
        """The same as rows of a table: external id: (record, columns). None: it is not there."""
        storage, _, source = tenant.partition("--")
        path, query = f"/v4/storages/{storage}/records/businesspartner", {"dataSource": source or "default"}
        rows = []
        if lines:
            answer = self.read("GET", path, query=query, headers={"Accept": "application/x-ndjson"})
            if answer.status == 404:
                return None
            found = answer.expect(200).lines()
            rows, end = found[:-1], found[-1]
            if (end.get("_end"), end.get("rows")) != (True, len(rows)):
                raise Broken(f"{tenant}: a stream of {len(rows)} rows ends with {end}")
        else:
            after = None
            while True:
                more = {"startAfter": after} if after is not None else {}
                page = self.read("GET", path, query=query | {"limit": 500} | more).expect(200).json()
                rows += page["values"]
                after = page["nextStartAfter"]
                if after is None:
                    break
        return {row["externalId"]: (pairs(row["record"]), {name: row[name] for name in columns_of(())}) for row in rows}

    def verify(self):
        """The mirrors are as the model is, whichever way they are read, and nothing else is there."""
        tenants = self.model.tenants()
        for tenant, source in tenants.items():
            wanted = {external_id: (row, columns_of(row)) for external_id, row in source.rows.items()}
            pages = self.pages(tenant)
            if pages is None:
                raise Broken(f"{tenant} is gone")
            for external_id, (_, *given) in pages.items():
                if self.known.setdefault((tenant, external_id), given) != given:
                    raise Broken(f"{tenant}: {external_id!r} was {self.known[tenant, external_id]}, and is {given}")
            readings = {
                "pages": {external_id: (row[0], columns_of(row[0])) for external_id, row in pages.items()},
                "pages of the table": self.table(tenant, lines=False),
                "ndjson": self.table(tenant, lines=True),
                "SQL": self.place.rows_there(tenant),
            }
            for how, found in readings.items():
                if spelled(found) != spelled(wanted):
                    raise Broken(f"{tenant}, read as {how}: {difference(found, [wanted])}")
            self.place.check_history(tenant)
        self.verify_lists()
        # A file goes behind the end of its job.
        wait_for("the end of the uploads", lambda: not self.place.uploads_of_jobs())
        there = self.place.tenants_there()
        if there != set(tenants):
            raise Broken(f"there are databases of {sorted(there)}, and {sorted(tenants)} should have one")

    def verify_lists(self):
        found, after = {}, None
        while True:
            query = {"limit": self.dice.choice((1, 2, 100))} | ({"startAfter": after} if after is not None else {})
            page = self.read("GET", "/v2/storages", query=query).expect(200).json()
            for one in page["values"]:
                found[one["id"]] = sorted(source["id"] for source in one["dataSources"])
            after = page["nextStartAfter"]
            if after is None:
                break
        wanted = {storage: sorted(sources) for storage, sources in self.model.storages.items()}
        if found != wanted:
            raise Broken(f"the storages {found} are listed, and there should be {wanted}")


def without_time(body):
    """An answer that is remembered does not know when its rows were erased."""
    return re.sub(rb'"erasedAt":("[^"]*"|null)', b"", body)


def difference(found, wanted):
    """What is told of a failure: where it differs from the last of `wanted`, a few of them."""
    last = wanted[-1]
    if found is None or last is None:
        return f"{'nothing' if found is None else 'something'} is there"
    keys = [key for key in found.keys() | last.keys() if found.get(key) != last.get(key)]
    return f"{len(keys)} differ: " + "; ".join(f"{key!r}: {found.get(key)} for {last.get(key)}" for key in keys[:3])
