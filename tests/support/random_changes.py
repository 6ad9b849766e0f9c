"""Random changes of a source with tables of each kind, as statements."""

TABLES = """
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, age INTEGER, photo BLOB);
CREATE TABLE visits (room TEXT, number INTEGER, note, PRIMARY KEY (room, number));
CREATE TABLE log (line TEXT);
CREATE TABLE wide (id INTEGER PRIMARY KEY, body TEXT);
"""


def rows(table, values, first, last):
    return (
        f"WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last}) "
        f"INSERT INTO {table} SELECT {values} FROM n;"
    )


def fill(people=400, wide=200):
    return (
        rows("people", "i, 'name ' || i, i % 90, CASE i % 3 WHEN 0 THEN zeroblob(i % 500) END", 1, people)
        + rows("visits", "'room ' || i % 9, i, CASE i % 4 WHEN 0 THEN i WHEN 1 THEN i / 3.0 ELSE 'n' || i END", 1, 200)
        + rows("log", "'line ' || i % 7", 1, 30)
        + rows("wide", "i, printf('%.*c', 300, 'w')", 1, wide)
    )


class RandomChanges:
    def __init__(self, dice):
        self.dice, self.columns = dice, 0

    def next(self):
        """One or more statements; each leaves fewer deletes than an operator would have to allow."""
        number = self.dice.randrange
        below = self.dice.choice((1, 5, 40))
        kinds = (
            lambda: f"UPDATE people SET name = name || '{number(10)}', age = {number(99)} WHERE id % 50 < {below}",
            lambda: f"UPDATE wide SET body = body || '{number(10)}' WHERE id % 50 < {below}",
            lambda: rows("people (name, age, photo)", "'new ' || i, i, randomblob(20)", 1, below),
            lambda: rows("visits (room, number, note)", f"'room {number(1 << 40)}', i, i * 0.5", 1, below),
            lambda: f"DELETE FROM people WHERE id % 60 = {number(60)}",
            lambda: f"DELETE FROM visits WHERE number % 60 = {number(60)}",
            # Keys that change their rows.
            lambda: f"UPDATE OR IGNORE people SET id = -id WHERE abs(id) % 40 = {number(40)}",
            lambda: f"UPDATE OR IGNORE visits SET number = number + {number(2000)} WHERE number % 40 = {number(40)}",
            lambda: "INSERT INTO log SELECT line FROM log LIMIT 3",
            lambda: f"DELETE FROM log WHERE rowid % 20 = {number(20)}",
            self.another_column,
        )
        return "; ".join(self.dice.choice(kinds)() for _ in range(self.dice.randint(1, 4))) + ";"

    def another_column(self):
        self.columns += 1
        return f"ALTER TABLE people ADD COLUMN more_{self.columns} TEXT DEFAULT 'm{self.columns}'"
