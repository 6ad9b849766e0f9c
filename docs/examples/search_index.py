"""Keeps a full-text index equal to a table of a mirror: python3 search_index.py URL STORAGE INDEX.db TABLE KEY...

KEY: the columns of the table's key, none of them of type ANY. In API_KEY is a key of the HTTP interface. It goes on
where the index is, to the end of the journal. Whatever ends it earlier, run it again.
"""

import json, os, sqlite3, sys, urllib.error, urllib.parse, urllib.request

URL, STORAGE, INDEX, TABLE, *KEY = sys.argv[1:]


def ask(path, **query):
    url = f"{URL}/v4/storages/{STORAGE}/{path}?{urllib.parse.urlencode(query)}"
    request = urllib.request.Request(url, headers={"X-API-KEY": os.environ["API_KEY"]})
    return json.load(urllib.request.urlopen(request, timeout=60))


def read_rows(**asked):
    """As they are now. A table that is gone has none."""
    try:
        while asked:
            page = ask("records/" + urllib.parse.quote(TABLE, safe=""), **asked)
            yield from page["values"]
            asked = page["nextStartAfter"] and {"limit": 1000, "startAfter": page["nextStartAfter"]}
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise


def replace(index, rows, where="", key=()):
    """What the index has of a key, or all of it."""
    index.execute(f"DELETE FROM search WHERE rowid IN (SELECT id FROM item {where})", key)
    index.execute(f"DELETE FROM item {where}", key)
    for row in rows:
        item = json.dumps([row[column] for column in KEY]), json.dumps(row)
        number = index.execute("INSERT INTO item (key, row) VALUES (?, ?)", item).lastrowid
        text = "\n".join(str(value) for value in row.values() if value is not None)
        index.execute("INSERT INTO search (rowid, text) VALUES (?, ?)", [number, text])


def read_page(index):
    """Puts what a page of the journal names into the index; whether there is another page."""
    token = index.execute("SELECT max(token) FROM progress").fetchone()[0]
    try:
        page = ask("changes", table=TABLE, since=token or "now")
        is_named = token and all(change["keys"] is not None for change in page["changes"])
    except urllib.error.HTTPError as error:
        if error.code != 410:  # The journal was cut, or the mirror restored.
            sys.exit(json.load(error)["message"])  # As of a table without a journal.
        page, is_named = json.load(error) | {"complete": False}, False
    try:
        for key in {json.dumps(key) for change in page["changes"] for key in change["keys"]} if is_named else ():
            parts = json.loads(key)  # Of one column of text the text itself is asked for.
            rows = read_rows(key=parts[0] if len(parts) == 1 and isinstance(parts[0], str) else key)
            replace(index, rows, "WHERE key = ?", [key])
    except urllib.error.HTTPError as error:
        if error.code not in (400, 431):  # No key of the table any more, or one that no query can have.
            raise
        is_named = False
    if not is_named:
        replace(index, read_rows(limit=1000))
    index.execute("DELETE FROM progress")
    index.execute("INSERT INTO progress VALUES (?)", [page["next"]])
    return not page["complete"]


index = sqlite3.connect(INDEX, isolation_level=None)
index.execute("CREATE TABLE IF NOT EXISTS progress (token TEXT)")
index.execute("CREATE TABLE IF NOT EXISTS item (id INTEGER PRIMARY KEY, key TEXT UNIQUE, row TEXT)")
index.execute("CREATE VIRTUAL TABLE IF NOT EXISTS search USING fts5 (text)")
is_more = True
while is_more:
    index.execute("BEGIN IMMEDIATE")
    try:
        is_more = read_page(index)
    except urllib.error.HTTPError as error:
        if error.code != 409:  # Rows that wait for a population: the token stays, and they are read next time.
            raise
        sys.exit()
    index.execute("COMMIT")  # Rows and token together.
