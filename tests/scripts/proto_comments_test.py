#!/usr/bin/python3
"""Each field and value of the contract has a comment of its own: who writes a source reads nothing else."""

import pathlib
import re
import unittest

PROTOS = pathlib.Path(__file__).parents[2] / "proto" / "mirror" / "v1"
OPENS = re.compile(r"(?:message|enum|oneof|service)\s+(\w+)\s*\{(\})?")
FIELD = re.compile(r"(?:(?:repeated |optional )?[\w.]+ )?(\w+) = \d+;")


def without_comment(lines):
    """"Message.field" of each whose line above is no comment."""
    inside, above = [], ""
    for line in map(str.strip, lines):
        opened, field = OPENS.match(line), FIELD.match(line)
        if opened and not opened[2]:
            inside.append(opened[1])
        elif line == "}":
            inside.pop()
        elif inside and field and not above.startswith("//"):
            yield ".".join(inside + [field[1]])
        above = line


class ProtoComments(unittest.TestCase):
    def test_each_field_has_its_own(self):
        files = sorted(PROTOS.glob("*.proto"))
        self.assertTrue(files)
        for file in files:
            with self.subTest(file=file.name):
                self.assertEqual(list(without_comment(file.read_text().splitlines())), [])

    def test_one_without_is_found(self):
        text = ["message A {", "// Yes.", "string a = 1;", "repeated B b = 2;", "}", "enum C {", "D = 0;", "}"]
        self.assertEqual(list(without_comment(text)), ["A.b", "C.D"])


if __name__ == "__main__":
    unittest.main()
