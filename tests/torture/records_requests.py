"""Requests that change records, as random as a seed is, each with what the model says of it."""

import dataclasses
import json

from tests.torture.records_model import DELETE, QUOTES, STRICT, UPSERT, Item, Model, Source, as_csv, of_csv
from tests.torture.records_place import http_door

COUNTED = ("numberOfAccepted", "numberOfInserts", "numberOfUpdates", "numberOfUnchanged", "numberOfFailed")
JOB_FAILURES_MAX = 1_000
NO_ID = "there is no external id"
LARGE_BYTES = 1_900_000
# Ids of records that come again and again: as texts that somebody could mistake for something else.
ODD_IDS = ("0053", "53", "a,b", 'q"uote', "with blank", "Ärger/€", "%2F", "'; --", "x" * 256)
NAMES = ("COMPANY_NAME", "Company Name", "NAME", "CITY", "city", "COUNTRY_CODE", "POSTAL_CODE", "STREET", "Farbe", "farbe", "N")


@dataclasses.dataclass
class Write:
    """Sent until it is answered. Without a `key` a repetition may find that it was done: then one of `again` is right, too."""

    name: str
    method: str
    path: str
    after: Model
    status: int
    expected: dict
    of: tuple = ()  # The storage and the data source that it is for.
    json: dict | None = None
    form: http_door.Form | None = None
    query: dict | None = None
    key: str | None = None
    again: tuple = ()  # Statuses.
    in_pieces: bool = False  # What a kill leaves of it may be a part, as far as jobs commit.
    only_first: bool = False  # Asked of the server with the faults: it has the file.


def failures_of(found):
    return [{"externalId": external_id, "message": message} for external_id, message, _ in found]


class Requests:
    """Of one client. `ids`: those that it uses beside new ones."""

    def __init__(self, dice, prefix="", ids=ODD_IDS):
        self.dice, self.prefix = dice, prefix
        self.ids = [f"{prefix}{one}"[:256] for one in (*ids, *map(str, range(20)))]
        self.made = 0

    def key(self):
        self.made += 1
        return f"{self.prefix}{self.made}-{self.dice.randrange(1 << 40):x}"

    def new_id(self):
        self.made += 1
        return f"{self.prefix}new-{self.made}"

    def value(self, name):
        kinds = ["text", "number", "gone"] if name.upper() in ("CITY", "STREET", "NAME") else ["text", "gone"]
        if name in ("Farbe", "N"):
            kinds = ["text", "number", "flag", "list", "gone"]
        kind = self.dice.choice(kinds)
        return {
            "text": f"{self.dice.choice(('Bern', 'Zürich', 'a;b', chr(34), '{', ''))}{self.dice.randrange(9)}",
            "number": self.dice.randrange(100),
            "flag": self.dice.random() < 0.5,
            "list": [1, "x", None],
            "gone": None,
        }[kind]

    def record(self):
        names = {}
        for name in self.dice.sample(NAMES, self.dice.randrange(5)):
            names.setdefault(name.upper().replace(" ", "").replace("_", "") if name != "farbe" else name, name)
        return tuple((name, self.value(name)) for name in names.values())

    def external_id(self):
        return self.dice.choice(self.ids) if self.dice.random() < 0.8 else self.new_id()

    def item(self):
        """With how it is sent."""
        external_id, record = self.external_id(), self.record()
        broken = {
            0: (external_id, '{"CITY":"Bern}', QUOTES),
            1: ("", "{}", NO_ID),
            2: (f"{external_id[:200]}\u0001", "{}", "the external id has a control character"),
            3: ("y" * 257, "{}", "the external id has more than 256 characters"),
            4: (external_id, '{"CITY":"a","city":"b"}', "two attributes mean the same as 'CITY'"),
            5: (external_id, '{"EXTERNAL ID":"another"}', "the external id within the record is another one"),
        }.get(self.dice.randrange(40))
        if broken:
            sent, why = {"externalId": broken[0], "record": broken[1]}, broken[2]
            return (Item(broken[0], misfit=why) if broken[1].endswith('"}') else Item(broken[0], failure=why)), sent
        sent = {"externalId": external_id}
        if self.dice.random() < 0.2:
            sent |= dict(record)
        else:
            text = json.dumps(dict(record), ensure_ascii=False)
            sent["record"] = text if self.dice.random() < 0.8 else dict(record)
            if self.dice.random() < 0.1 and not record:
                sent["record"] = None
        return Item(external_id, record), sent

    # --- What a client sends ---

    def upsert(self, model, storage, source, items=None):
        count = self.dice.choice((1, 1, 2, 5, 30))
        items = items or [self.item() for _ in range(count)]
        if self.dice.random() < 0.3:
            items.append(self.dice.choice(items))
        features = [UPSERT] if self.dice.random() < 0.8 else []
        features += [STRICT] if self.dice.random() < 0.2 else []
        def at(place, item):
            return dataclasses.replace(item, failure=f"{NO_ID}: 'businessPartners[{place}]'") if item.failure == NO_ID else item

        items = [(at(place, item), sent) for place, (item, sent) in enumerate(items)]
        after = model.copy()
        counts, found = after.source(storage, source).upsert([item for item, _ in items], UPSERT in features)
        refused = bool(found) and STRICT in features
        return Write(
            name=f"upsert of {len(items)} into {storage}/{source} with {features}",
            method="PUT",
            path=f"/v4/storages/{storage}/businesspartners",
            of=(storage, source),
            json={"dataSource": source, "featuresOn": features, "businessPartners": [sent for _, sent in items]},
            key=self.key(),
            after=model if refused else after,
            status=422 if refused else 200,
            expected={"failures": failures_of(found)} if refused else counts | ({"failures": failures_of(found)} if found else {}),
        )

    def delete(self, model, storage, source, ids=None, erases=None):
        there = list(model.source(storage, source).rows)
        if ids is None:
            ids = [self.dice.choice(there) if there and self.dice.random() < 0.7 else self.external_id() for _ in range(self.dice.choice((1, 2, 6)))]
        strict = self.dice.random() < 0.15
        after = model.copy()
        counts, found = after.source(storage, source).delete(ids)
        refused = bool(found) and strict
        erases = self.dice.random() < 0.3 if erases is None else erases
        return Write(
            name=f"delete of {len(ids)} from {storage}/{source}",
            method="POST",
            path=f"/v4/storages/{storage}/businesspartners/delete",
            of=(storage, source),
            query={"erase": "now"} if erases else None,
            json={"dataSource": source, "featuresOn": [DELETE, *([STRICT] if strict else [])], "externalId": ids},
            key=self.key(),
            after=model if refused else after,
            status=422 if refused else 200,
            expected={"failures": failures_of(found)} | ({} if refused else counts),
        )

    def file(self, count):
        """The header and rows of one: each of them has each name."""
        names = ["BP_EXTERNAL_ID", *self.dice.sample(("COMPANY_NAME", "CITY", "Farbe", "STREET"), self.dice.randrange(1, 4))]
        rows = []
        for number in range(count):
            many = count > 1_000
            external_id = f"{self.prefix}m{number}" if many else self.external_id()
            if many and number % 1_000 == 999:
                external_id = f"{self.prefix}m{number - 500}"
            record = tuple((name, f"{number % 7} {number}" if many else self.dice.choice((None, "Basel", "x;y", 'a "b"'))) for name in names[1:])
            broken = self.dice.random() < (0.0005 if many else 0.05)
            if broken and not many:
                rows.append(Item(external_id, record, failure="fields"))
            elif self.dice.random() < (0 if many else 0.04):
                rows.append(Item("", record))
            else:
                rows.append(Item(external_id, record))
        return names, rows

    def large_items(self, count):
        """Two of them are as much as a request may have."""
        records = [(f"{self.prefix}large-{number}", (("LARGE", "x" * LARGE_BYTES), ("N", number))) for number in range(count)]
        return [(Item(external_id, record), {"externalId": external_id, "record": dict(record)}) for external_id, record in records]

    def job(self, model, storage, source, count=None, ids=None):
        """Its request, without the file; the file; what the job has to say at its end. `ids`: it is about these."""
        if ids is None:
            names, rows = self.file(count or self.dice.choice((1, 3, 40)))
        else:
            names, rows = ["BP_EXTERNAL_ID", "CITY"], [Item(one, (("CITY", "Bern"),)) for one in ids]
        content = as_csv(names, rows)
        items = [
            dataclasses.replace(item, failure=item.failure or ("" if item.external_id else NO_ID))
            for item in of_csv(names, rows)
        ]
        updates = self.dice.random() < 0.8
        after = model.copy()
        counts, found = after.source(storage, source).upsert(items, updates)
        fields = {"storageId": storage, "dataSource": source, "dataMapperDefinitionId": "default"}
        if updates:
            fields["featuresOn"] = UPSERT
        write = Write(
            name=f"import of {len(rows)} rows into {storage}/{source}",
            method="POST",
            path="/jobs/importjobs",
            of=(storage, source),
            key=self.key(),
            after=after,
            status=201,
            expected={"progress": 0, "status": "SCHEDULED"},
            in_pieces=ids is not None or len(rows) > 5_000,
            only_first=True,
        )
        end = counts | {"lines": sorted(line for _, _, line in found)[:JOB_FAILURES_MAX]}
        return write, fields, content, end

    # --- What an owner does ---

    def clear(self, model, storage, source=None, erases=False):
        after = model.copy()
        sources = after.storages[storage]
        cleared = [sources[source]] if source else list(sources.values())
        rows = sum(len(one.rows) for one in cleared)
        for one in cleared:
            one.rows.clear()
        of_source = f"/datasources/{source}" if source else ""
        return Write(
            name=f"clear of {storage}{of_source}",
            method="POST",
            path=f"/storages/{storage}{of_source}/clear",
            of=(storage, source),
            query={"erase": "now"} if erases else None,
            after=after,
            status=200,
            expected={"numberOfDeletes": rows, "numberOfFailures": 0, "failures": []},
            again=(200,),
            in_pieces=source is None,
        )

    def make_storage(self, model, storage):
        after = model.copy()
        after.storages[storage] = {"default": Source()}
        return Write(
            name=f"storage {storage}",
            method="POST",
            path="/v2/storages",
            json={"name": storage},
            after=after,
            status=201,
            expected={"id": storage, "name": storage, "dataSources": [{"id": "default", "name": "default"}]},
            again=(409,),
        )

    def make_source(self, model, storage, source):
        after = model.copy()
        after.storages[storage][source] = Source()
        return Write(
            name=f"data source {storage}/{source}",
            method="POST",
            path=f"/storages/{storage}/datasources",
            json={"dataSource": source},
            after=after,
            status=201,
            expected={"id": source, "name": source, "dataMapperDefinitionId": "default"},
            again=(409,),
        )

    def delete_source(self, model, storage, source):
        after = model.copy()
        rows = len(after.storages[storage].pop(source).rows)
        return Write(
            name=f"end of {storage}/{source}",
            method="DELETE",
            path=f"/storages/{storage}/datasources/{source}",
            after=after,
            status=200,
            expected={"numberOfDeletes": rows, "numberOfFailures": 0, "failures": []},
            again=(200, 404),
        )

    def delete_storage(self, model, storage):
        after = model.copy()
        rows = sum(len(one.rows) for one in after.storages.pop(storage).values())
        return Write(
            name=f"end of storage {storage}",
            method="DELETE",
            path=f"/storages/{storage}",
            query={"confirm": storage},
            after=after,
            status=200,
            expected={"numberOfDeletes": rows, "numberOfFailures": 0, "failures": []},
            again=(200, 404),
            in_pieces=True,
        )
