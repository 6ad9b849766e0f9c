"""What a line came to over its rounds."""

import statistics


class Result:
    """Figures of one line, one for each round, or why there are none."""

    def __init__(self, line):
        self.line = line
        self.figures = []
        self.rates = []
        self.references = []
        self.note = ""
        self.failed = False
        self.absent = False
        self.more = {}

    def add(self, figure, rate=None, reference=None):
        self.figures.append(figure)
        if rate is not None:
            self.rates.append(rate)
        if reference is not None:
            self.references.append(reference)

    def add_rates(self, rate, reference):
        """A round of a line whose figure is the ratio of two rates."""
        self.add(rate / reference, rate, reference)

    def fail(self, reason):
        """A line that cannot be measured says so, whatever was measured before."""
        self.failed = True
        self.note = reason

    def lacks(self, what):
        """The product cannot do it yet: nobody's failure."""
        self.absent = True
        self.note = what

    @property
    def figure(self):
        return None if self.failed or not self.figures else statistics.median(self.figures)

    @property
    def met(self):
        """None: there is no goal."""
        if self.failed or self.figure is None:
            return False
        return self.line.met(self.figure)

    def as_json(self):
        median = lambda values: statistics.median(values) if values else None  # noqa: E731
        if not self.figures and not self.failed and not self.absent:
            self.fail("nothing was measured")
        return {
            "name": self.line.name,
            "work": self.line.work,
            "ratio": self.figure,
            "min": min(self.figures) if self.figures else None,
            "max": max(self.figures) if self.figures else None,
            "unit": self.line.unit,
            "goal": self.line.goal,
            "goal_is": "at most" if self.line.at_most else "at least",
            "met": self.met,
            "rounds": len(self.figures),
            "rows_per_s": median(self.rates),
            "rate_unit": self.line.rate,
            "reference": self.line.reference,
            "reference_rows_per_s": median(self.references),
            "note": self.note,
            **self.more,
        }
