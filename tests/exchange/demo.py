#!/usr/bin/python3
"""What 'tools/demo --exchange' shows once the programs are built: a CRM and an ERP that know the same companies.

Usage: demo.py BIN_DIR
Exit code: 0 each step ended as it says, 1 one did not.
"""

import contextlib
import json
import pathlib
import shutil
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import exchange_place  # noqa: E402

HUB = """
[[hub]]
storage = "Acme"
entity = "company"
match = [["vat"]]
normalise = {{ vat = "alnum" }}
deletes = "any"
[[hub.member]]
data_source = "crm"
tenant = "crm"
table = "contact"
columns = {{ vat = "orgnr", name = "name", city = "city" }}
write = ["insert", "update", "delete"]
[[hub.member]]
data_source = "erp"
tenant = "erp"
table = "customer"
columns = {{ vat = "vat", name = "name", city = "city" }}
write = ["insert", "update", "delete"]
[hub.attributes]
vat = ["erp", "crm"]
name = "newest"
city = "newest"
"""
TABLES = {
    "crm": ["CREATE TABLE contact (id INTEGER PRIMARY KEY, orgnr TEXT, name TEXT, city TEXT, owner TEXT)"],
    "erp": ["CREATE TABLE customer (no INTEGER PRIMARY KEY, vat TEXT, name TEXT, city TEXT, limit_eur INTEGER)"],
}
ROWS = {"crm": "SELECT orgnr, name, city FROM contact", "erp": "SELECT vat, name, city FROM customer"}


class Demo:
    def __init__(self, bin_dir, stack):
        self.addCleanup = stack.callback
        self.place = exchange_place.ExchangePlace(self, bin_dir, hub=HUB, tables=TABLES)
        self.crm, self.erp, self.number = self.place.crm, self.place.erp, 0

    # Words.

    def step(self, title, words):
        self.number += 1
        print(f"\n{self.number}. {title}\n{textwrap.fill(' '.join(words.split()), 100)}", flush=True)

    def check(self, holds, words):
        if not holds:
            print(f"   NOT SO: {words}", flush=True)
            for system in self.place.systems:
                print(f"   {system.name}: {self.rows(system)}")
            sys.exit(1)
        print(f"   so it is: {words}", flush=True)

    def sql(self, system, statement):
        print(f"   {system.name}> {statement}")
        system.sql(statement)

    def command(self, *words, code=0):
        """Of the operator."""
        print(f"   $ mirrorctl {' '.join(words)}")
        done = self.place.ctl(*words)
        print(textwrap.indent((done.stdout + done.stderr).rstrip(), "     "))
        self.check(done.returncode == code, f"it ends with exit code {code}")
        return done

    # What stands where.

    def rows(self, system):
        return sorted(system.sql(ROWS[system.name]), key=repr)

    def one(self, system, vat):
        """(name, city) of each row of that company; numbers are written in many ways."""
        plain = lambda text: "".join(filter(str.isalnum, text.lower()))
        return [row[1:] for row in self.rows(system) if plain(row[0]) == plain(vat)]

    def golden(self):
        return self.place.ask_hub("SELECT vat, name, city FROM golden_company WHERE golden_id IN (SELECT golden_id FROM "
                                  "golden_company_member) ORDER BY vat")

    def both(self, vat, says, words):
        there = [self.one(system, vat) for system in self.place.systems]
        self.check(all(rows and set(rows) == {says} for rows in there), words)

    # What happens.

    def meet(self):
        self.step("Two systems know the same companies", "The CRM has Ada and Bea, the ERP has Bea and Cy. Bea's number "
                  "is written differently. Each also has columns that are nobody else's business.")
        self.sql(self.crm, "INSERT INTO contact (orgnr, name, city, owner) VALUES ('NO 1', 'Ada', 'Rome', 'kim'), "
                           "('NO 2', 'Bea', 'Oslo', 'kim')")
        self.sql(self.erp, "INSERT INTO customer VALUES (70, 'no-2', 'Bea', 'Oslo', 500), (71, 'NO 3', 'Cy', 'Ulm', 900)")
        self.place.rounds()
        self.check(len(self.golden()) == 3, "there are three golden records, not four")
        self.check(len(self.rows(self.crm)) == len(self.rows(self.erp)) == 3, "each system has each company once")
        self.check(self.erp.sql("SELECT limit_eur FROM customer WHERE no = 70") == [(500,)], "the ERP's credit limit stands")

    def edits(self):
        self.step("An edit on each side", "Bea moves, says the CRM. Bea has a new name, says the ERP. Both are right.")
        self.sql(self.crm, "UPDATE contact SET city = 'Bergen' WHERE name = 'Bea'")
        self.sql(self.erp, "UPDATE customer SET name = 'Bea AS' WHERE name = 'Bea'")
        self.place.rounds()
        self.both("NO 2", ("Bea AS", "Bergen"), "both systems have both edits")

    def conflict(self):
        self.step("A conflict", "The CRM changes Cy's city. The ERP has fetched that, and somebody changes the same row "
                  "there before it is applied.")
        self.sql(self.crm, "UPDATE contact SET city = 'Bonn' WHERE name = 'Cy'")
        self.crm.once()
        self.erp.agent("transport")
        self.sql(self.erp, "UPDATE customer SET city = 'Kiel' WHERE name = 'Cy'")
        done = json.loads(self.erp.try_agent("import", "--json").stdout)["sources"][0]["deliveries"]
        self.check(done["conflicts"] == 1 and done["applied"] == 0, "the agent reports a conflict")
        self.check(self.one(self.erp, "NO 3") == [("Cy", "Kiel")], "what the ERP's user wrote is not overwritten")
        self.place.rounds()
        self.both("NO 3", ("Cy", "Kiel"), "the later edit is in both")

    def duplicate(self):
        self.step("A duplicate", "Somebody enters Ada a second time in the CRM. The hub makes no company of it elsewhere, "
                  "tells about it, and both rows follow.")
        self.sql(self.crm, "INSERT INTO contact (orgnr, name, city) VALUES ('no1', 'Ada', 'Rome')")
        self.place.rounds()
        self.check(len(self.one(self.erp, "NO 1")) == 1, "the ERP has Ada once")
        self.command("hub", "duplicates", "Acme")
        self.check(len(json.loads(self.place.ctl("hub", "duplicates", "Acme", "--json").stdout)) == 1, "one is listed")
        self.sql(self.erp, "UPDATE customer SET city = 'Pisa' WHERE name = 'Ada'")
        self.place.rounds()
        self.check(self.one(self.crm, "NO 1") == [("Ada", "Pisa")] * 2, "both rows of the CRM follow the ERP")
        self.sql(self.crm, "DELETE FROM contact WHERE id = (SELECT max(id) FROM contact WHERE name = 'Ada')")
        self.place.rounds()
        there = [len(self.one(system, "NO 1")) for system in self.place.systems]
        self.check(there == [1, 1], "one of two rows is deleted, and both keep Ada")

    def delete(self):
        self.step("A delete", "Cy is deleted in the CRM. The hub is told that deletions count everywhere.")
        self.sql(self.crm, "DELETE FROM contact WHERE name = 'Cy'")
        self.place.rounds()
        self.check(not self.one(self.erp, "NO 3") and not self.one(self.crm, "NO 3"), "Cy is in neither, and does not come back")

    def kills(self):
        self.step("kill -9, twice", "The ERP's agent is killed in the midst of applying Dee, then the server is.")
        self.sql(self.crm, "INSERT INTO contact (orgnr, name, city) VALUES ('NO 4', 'Dee', 'Lyon')")
        self.crm.once()
        killed = self.erp.try_agent("once", MIRROR_CRASH_AT="agent.importing:1")
        self.check(killed.returncode == -9 and not self.one(self.erp, "NO 4"), "the agent died, and left nothing half done")
        self.place.server.kill()
        self.place.server.start()
        self.place.rounds()
        self.both("NO 4", ("Dee", "Lyon"), "Dee is in both")
        self.check([len(self.one(system, "NO 4")) for system in self.place.systems] == [1, 1], "and once in each")

    def restore(self):
        self.step("A restore", "The CRM is put back to what it was before Bea moved again and before Eve came. Nobody but an "
                  "operator can know what is right then: nothing is deleted, and nothing old goes out.")
        self.crm.sql("PRAGMA wal_checkpoint(TRUNCATE)")
        copy = self.place.work / "yesterday.db"
        shutil.copy(self.crm.path, copy)
        self.sql(self.crm, "UPDATE contact SET city = 'Turku' WHERE name = 'Bea AS'")
        self.sql(self.crm, "INSERT INTO contact (orgnr, name, city) VALUES ('NO 5', 'Eve', 'Nice')")
        self.place.rounds()
        for suffix in ("-wal", "-shm"):
            pathlib.Path(f"{self.crm.path}{suffix}").unlink(missing_ok=True)
        shutil.copy(copy, self.crm.path)
        print("   crm> (restored)")
        self.place.rounds(2)
        self.check(self.one(self.erp, "NO 2") == [("Bea AS", "Turku")] and self.one(self.erp, "NO 5") == [("Eve", "Nice")],
                   "the ERP has all that it had")
        self.command("hub", "status", "Acme")
        self.command("hub", "resume", "Acme", "crm", "--take", "ours")
        self.place.rounds()
        self.both("NO 2", ("Bea AS", "Turku"), "the CRM has Bea's move again")
        self.both("NO 5", ("Eve", "Nice"), "and Eve")

    def rest(self):
        self.step("The end", "All systems say what the golden records say, and an idle round sends nothing.")
        said = sorted((name, city) for _, name, city in self.golden())
        for system in self.place.systems:
            self.check(sorted(row[1:] for row in self.rows(system)) == said, f"the {system.name} equals the golden records")
        before = [self.rows(system) for system in self.place.systems]
        done = self.place.rounds(1) + self.place.rounds(1)
        sent = sum(one[word] for one in done for word in ("fetched", "applied", "conflicts", "refused"))
        self.check(sent == 0 and before == [self.rows(s) for s in self.place.systems], "an idle round sends nothing")
        for system in self.place.systems:
            self.check(system.try_agent("verify").returncode == 0, f"the mirror of the {system.name} equals it, row by row")

    def run(self):
        for act in (self.meet, self.edits, self.conflict, self.duplicate, self.delete, self.kills, self.restore, self.rest):
            act()
        print("\nThe CRM and the ERP agree.")


if __name__ == "__main__":
    with contextlib.ExitStack() as stack:
        Demo(pathlib.Path(sys.argv[1]).resolve(), stack).run()
