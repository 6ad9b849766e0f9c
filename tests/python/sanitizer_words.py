"""What a sanitizer wrote on the standard error of a program fails the test that started it."""

import re

WORDS = re.compile(r"^.*(?:Sanitizer:|Sanitizer failed|: runtime error: )", re.MULTILINE)


def check(errors):
    found = WORDS.search(errors)
    assert found is None, errors[found.start() : found.start() + 8_000]


def check_file(path):
    check(path.read_text(errors="replace"))
