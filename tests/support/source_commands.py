"""The command line of what stands in for an application's database: postgres_source.py, mariadb_source.py."""

import sys


def main(source, failed):
    """Its functions are the commands, `failed` the error that is told as a sentence. The exit code."""
    words = sys.argv[1:]
    takes = {"make": 1, "save": 2, "restore": 2, "standby": 2, "promote": 2, "stop": 1, "programs": 0}
    try:
        if words and takes.get(words[0]) == len(words) - 1:
            said = getattr(source, words[0])(*words[1:])
            if said:
                print(said)
        elif len(words) == 2 and words[0] == "sql":
            print(source.sql(words[1], sys.stdin.read()), end="")
        elif len(words) == 3 and words[0] == "compare":
            return 0 if source.compare(*words[1:]) else 1
        else:
            print(source.__doc__, file=sys.stderr)
            return 2
    except failed as error:
        print(error, file=sys.stderr)
        return 1
    return 0
