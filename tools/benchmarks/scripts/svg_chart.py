"""Line charts as SVG, with nothing but the standard library. They read in light and in dark surroundings."""

import dataclasses
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 84, 28, 84, 58
LINES = 5  # About so many on a linear axis.

STYLE = """
  .card { fill: #ffffff; } .grid { stroke: #d9dee4; } .axis { stroke: #57606a; }
  text { font: 13px system-ui, sans-serif; fill: #24292f; } .title { font-size: 16px; font-weight: 600; }
  .small { font-size: 12px; fill: #57606a; }
  .s0 { stroke: #0757b8; fill: #0757b8; } .s1 { stroke: #b3510a; fill: #b3510a; }
  .s2 { stroke: #197a38; fill: #197a38; } .s3 { stroke: #8a3aa8; fill: #8a3aa8; }
  .line { fill: none; stroke-width: 2.2; } .whisker { stroke-width: 1.2; opacity: 0.7; }
  @media (prefers-color-scheme: dark) {
    .card { fill: #12161c; } .grid { stroke: #313843; } .axis { stroke: #9aa4b0; }
    text { fill: #e6edf3; } .small { fill: #aab4bf; }
    .s0 { stroke: #6cb0ff; fill: #6cb0ff; } .s1 { stroke: #ffa45c; fill: #ffa45c; }
    .s2 { stroke: #5fd38a; fill: #5fd38a; } .s3 { stroke: #d79bf0; fill: #d79bf0; }
    .line { fill: none; }
  }
"""


@dataclasses.dataclass(frozen=True)
class Series:
    name: str
    points: list  # (x, median, lowest, highest) of each


def number(value):
    """1500000 as "1.5 M"."""
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


class Axis:
    """Where a value is between two pixels. `log`: equal ratios are equally far apart."""

    def __init__(self, lowest, highest, log, start, end):
        self.log, self.start, self.end = log, start, end
        if log:
            self.ticks = self._log_ticks(lowest, highest)
            self.low, self.high = min(lowest, self.ticks[0]), max(highest, self.ticks[-1])
        else:
            step = self._step(highest)
            self.ticks = [step * i for i in range(max(1, math.ceil(highest / step - 1e-9)) + 1)]
            self.low, self.high = 0.0, self.ticks[-1]

    @staticmethod
    def _step(highest):
        if highest <= 0:
            return 1.0
        rough = highest / LINES
        power = 10 ** math.floor(math.log10(rough))
        return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= rough * (1 - 1e-9))

    @staticmethod
    def _log_ticks(lowest, highest):
        """Round numbers from at or under the lowest to at or over the highest; all powers of ten, and what is
        between them where there are few."""
        first, last = math.floor(math.log10(lowest) + 1e-9), math.ceil(math.log10(highest) - 1e-9)
        digits = (1,) if last - first > 3 else (1, 2, 5)
        ticks = [digit * 10**power for power in range(first, last + 1) for digit in digits]
        below = [tick for tick in ticks if tick <= lowest * (1 + 1e-9)]
        above = [tick for tick in ticks if tick >= highest * (1 - 1e-9)]
        return [tick for tick in ticks if below[-1] <= tick <= max(above[0], below[-1] * 1.0001)]

    def at(self, value):
        if self.log:
            share = math.log(value / self.low) / (math.log(self.high / self.low) or 1)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def chart(title, subtitle, x_name, y_name, series, log_x=True, log_y=False):
    """The whole file. Points with their spread; a legend above; axes with their units."""
    points = [point for one in series for point in one.points]
    x = Axis(min(p[0] for p in points), max(p[0] for p in points), log_x, LEFT, WIDTH - RIGHT)
    y = Axis(min(p[2] for p in points), max(p[3] for p in points), log_y, HEIGHT - BOTTOM, TOP)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="card" width="{WIDTH}" height="{HEIGHT}" rx="8"/>',
        f'<text class="title" x="{LEFT}" y="26">{escape(title)}</text>',
        f'<text class="small" x="{LEFT}" y="45">{escape(subtitle)}</text>',
    ]
    for tick in y.ticks:
        at = y.at(tick)
        out.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        out.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{number(tick)}</text>')
    for tick in x.ticks:
        at = x.at(tick)
        out.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        out.append(f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{number(tick)}</text>')
    bottom = HEIGHT - BOTTOM
    out.append(f'<path class="axis" fill="none" d="M{LEFT} {TOP}V{bottom}H{WIDTH - RIGHT}"/>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    out.append(f'<text x="{middle}" y="{HEIGHT - 14}" text-anchor="middle">{escape(x_name)}</text>')
    out.append(
        f'<text transform="translate(20 {(TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">{escape(y_name)}</text>'
    )
    legend = LEFT
    for index, one in enumerate(series):
        out += _drawn(one, index, x, y)
        out.append(f'<rect class="s{index}" x="{legend}" y="57" width="14" height="10" rx="2"/>')
        out.append(f'<text x="{legend + 20}" y="67">{escape(one.name)}</text>')
        legend += 44 + 7.2 * len(one.name)
    return "\n".join(out) + "\n</svg>\n"


def _drawn(series, index, x, y):
    places = [(x.at(at), y.at(median), y.at(low), y.at(high)) for at, median, low, high in series.points]
    path = "M" + "L".join(f"{at:.1f} {median:.1f}" for at, median, _, _ in places)
    yield f'<path class="line s{index}" style="fill:none" d="{path}"/>'
    for at, median, low, high in places:
        yield f'<line class="whisker s{index}" x1="{at:.1f}" x2="{at:.1f}" y1="{low:.1f}" y2="{high:.1f}"/>'
        yield f'<circle class="s{index}" cx="{at:.1f}" cy="{median:.1f}" r="3.5"/>'
