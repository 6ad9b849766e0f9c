"""What a run ends with that found a fault."""


class Broken(Exception):
    """A promise that was not kept."""
