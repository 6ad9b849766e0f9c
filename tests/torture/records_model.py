"""What a server's storages have to be: the records of each data source, what each request makes of them, and what it has to
be answered. None of the server's code is in it."""

import copy
import csv
import dataclasses
import io
import json

UPSERT, DELETE, STRICT = "UPSERT_BY_EXTERNAL_ID", "DELETE_BY_EXTERNAL_ID", "API_ERROR_ON_FAILURES"
KNOWN = f"the external id is known already, and {UPSERT} is not on"
MISSING = "there is no business partner of this external id"
QUOTES = "Incorrect record quote escaping"
# Of the mapper 'default', as far as it is used here: names compared without case, blanks and '_', the first one counts.
IDS = ("BPEXTERNALID", "EXTERNALID", "CUSTOMERNUMBER", "VENDORNUMBER")
COLUMNS = {
    "name": ("COMPANYNAME", "NAME"),
    "country": ("COUNTRYCODE", "COUNTRY"),
    "city": ("CITY",),
    "street": ("STREET",),
    "postalCode": ("POSTALCODE",),
}
MAPPED = (*IDS, *(name for names in COLUMNS.values() for name in names))


def compared(name):
    return "".join(c for c in name.upper() if c not in " _")


def same(name):
    """What makes two attributes the same one."""
    return compared(name) if compared(name) in MAPPED else f"={name}"


def text_of(value):
    """As it stands in a column."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def spelled(rows):
    """Returns rows as JSON, to be compared: in Python 0 is equal to False, and 1 to True."""
    return json.dumps(rows, sort_keys=True)


@dataclasses.dataclass(frozen=True)
class Item:
    """One row of a request. `record`: pairs of an attribute and its value, None: it clears."""

    external_id: str
    record: tuple = ()
    failure: str = ""  # Of what was sent in its place.
    misfit: str = ""  # The same, found out where it is merged.
    line: int = 0  # In a file.


def merged(row, record):
    """RFC 7396, at the top level."""
    attributes = list(row)
    for name, value in record:
        at = next((i for i, (there, _) in enumerate(attributes) if same(there) == same(name)), None)
        if at is None:
            attributes.append((name, value))
        else:
            attributes[at] = (name, value)
    return tuple((name, value) for name, value in attributes if value is not None)


def columns_of(row):
    by_name = {compared(name): value for name, value in row}
    columns = {}
    for column, names in COLUMNS.items():
        value = next((by_name[name] for name in names if name in by_name), None)
        columns[column] = None if value is None else text_of(value)
    return columns


@dataclasses.dataclass
class Source:
    rows: dict = dataclasses.field(default_factory=dict)  # External id: the record as pairs, in their order.

    def upsert(self, items, updates_known):
        """The counts, and the failures as (external id, message, line)."""
        inserts = updates = unchanged = 0
        failures = []
        for item in items:
            before = self.rows.get(item.external_id)
            if item.failure:
                failures.append((item.external_id, item.failure, item.line))
            elif before is not None and not updates_known:
                failures.append((item.external_id, KNOWN, item.line))
            elif item.misfit:
                failures.append((item.external_id, item.misfit, item.line))
            else:
                now = merged(before or (), item.record)
                self.rows[item.external_id] = now
                inserts += before is None
                updates += before is not None
                unchanged += before is not None and spelled(now) == spelled(before)
        counts = {
            "numberOfAccepted": inserts + updates,
            "numberOfInserts": inserts,
            "numberOfUpdates": updates,
            "numberOfUnchanged": unchanged,
            "numberOfFailed": len(failures),
        }
        return counts, failures

    def delete(self, ids):
        deletes, failures = 0, []
        for external_id in ids:
            if self.rows.pop(external_id, None) is None:
                failures.append((external_id, MISSING, 0))
            else:
                deletes += 1
        return {"numberOfDeletes": deletes, "numberOfFailures": len(failures)}, failures


class Model:
    """`storages`: storage id, then the id of a data source."""

    def __init__(self):
        self.storages = {}

    def copy(self):
        return copy.deepcopy(self)

    def source(self, storage, source):
        return self.storages[storage][source]

    def tenants(self):
        """With their records."""
        return {
            storage if source == "default" else f"{storage}--{source}": rows
            for storage, sources in self.storages.items()
            for source, rows in sources.items()
        }


def as_csv(names, items):
    """A file of `items`, each of which has a value, or None, for all of `names` but the first, its external id."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\n")
    writer.writerow(names)
    for item in items:
        values = dict(item.record)
        cells = [item.external_id, *("" if values.get(name) is None else values[name] for name in names[1:])]
        # One field more than there are names is no row.
        writer.writerow([*cells, "more"] if item.failure else cells)
    return out.getvalue().encode()


def of_csv(names, items):
    """The same items as a job takes them: the column of the external id is an attribute, too, and a row without a value
    is an empty line, which jobs skip."""
    return [
        dataclasses.replace(item, record=((names[0], item.external_id), *item.record), line=line)
        for line, item in enumerate(items, 2)
        if item.failure or item.external_id or any(value is not None for _, value in item.record)
    ]
