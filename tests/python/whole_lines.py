"""What a program says to people comes in lines that fit a terminal; a test looks for sentences."""

import re

COLUMNS = 100


def joined(text):
    """With the lines that were broken in one piece again."""
    return re.sub(r"\n +", " ", text)


def too_long(text):
    """Lines that do not fit, but for those that are one word or one quoted path."""
    return [line for line in text.splitlines() if len(line) > COLUMNS and not re.fullmatch(r" *(\S+|\S*'[^']*'\S*)", line)]
