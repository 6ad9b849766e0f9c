// A day by minute as a picture: an area, or bars where most minutes have none. Drawn anew when its width changes.

import { el, setText, svg } from './dom.js';
import { clock, NONE } from './text.js';

const HEIGHT = 132;
const LEFT = 46;
const RIGHT = 8;
const TOP = 10;
const BOTTOM = 20;
const MINUTE_MS = 60000;
const DOT = 3;

/** The least of 1, 2, 2.5 and 5 times a power of ten that is not below `value`. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= value * 0.9999) ?? value;
}

/** For each of `count` pixels' worth of minutes the highest; -1: nothing is known of any. */
function gather(values, count) {
  const size = values.length / count;
  return Array.from({ length: count }, (_, i) => {
    const part = values.slice(Math.floor(i * size), Math.max(Math.floor(i * size) + 1, Math.floor((i + 1) * size)));
    return Math.max(-1, ...part);
  });
}

export class Chart {
  /** format(value) is what is read at the axis and above the chart; `roundTo`(highest) gives the axis its end. */
  constructor({ title, kind, format, step = roundUp }) {
    this.title = title;
    this.kind = kind;
    this.format = format;
    this.step = step;
    this.begin = 0;
    this.values = [];
    this.now = el('strong', { class: 'now' }, NONE);
    this.note = el('span', { class: 'quiet' });
    this.canvas = svg('svg', { class: 'canvas', role: 'img', 'aria-label': title, height: HEIGHT });
    this.element = el('figure', { class: 'chart' },
      el('figcaption', {}, el('span', { class: 'chart-title' }, title), this.now, this.note), this.canvas);
    this.canvas.addEventListener('pointermove', (event) => this.point(event.offsetX));
    this.canvas.addEventListener('pointerleave', () => this.point(null));
    this.watcher = new ResizeObserver(() => this.draw());
    this.watcher.observe(this.canvas);
  }

  /** `values`: of each minute from `begin` on; below 0: not known, or none. */
  set(begin, values) {
    this.begin = begin;
    this.values = values;
    this.draw();
  }

  end() {
    this.watcher.disconnect();
  }

  draw() {
    const width = Math.floor(this.canvas.getBoundingClientRect().width);
    if (width < 80) return;
    this.width = width;
    this.canvas.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
    const known = this.values.filter((value) => value >= 0);
    const most = known.length === 0 ? 0 : Math.max(...known);
    this.top = this.step(most > 0 ? most : 1);
    this.columns = gather(this.values.length > 0 ? this.values : [-1], Math.floor((width - LEFT - RIGHT) / (this.kind === 'bars' ? 4 : 2)));
    this.cursor = svg('line', { class: 'cursor', y1: TOP, y2: HEIGHT - BOTTOM, x1: -9, x2: -9 });
    if (known.length === 0) {
      const words = this.values.length === 0 ? '' : 'Nothing in the last 24 hours';
      this.canvas.replaceChildren(svg('text', { class: 'axis', x: width / 2, y: HEIGHT / 2 - 8, 'text-anchor': 'middle' }, words), this.cursor);
    } else {
      this.canvas.replaceChildren(this.axes(), this.kind === 'bars' ? this.bars() : this.area(), this.cursor);
    }
    this.last = known.length === 0 ? null : this.format(this.kind === 'bars' ? known.at(-1) : Math.max(0, this.values.at(-1)));
    this.summary = known.length === 0 ? '' : `highest in 24 h: ${this.format(most)}`;
    this.canvas.setAttribute('aria-label', known.length === 0 ? `${this.title}: nothing is known yet`
      : `${this.title} over the last 24 hours: last ${this.last}, ${this.summary}`);
    this.point(null);
  }

  x(column) {
    return LEFT + ((column + 0.5) / this.columns.length) * (this.width - LEFT - RIGHT);
  }

  y(value) {
    return HEIGHT - BOTTOM - (Math.min(value, this.top) / this.top) * (HEIGHT - TOP - BOTTOM);
  }

  axes() {
    const group = svg('g', {});
    for (const part of [0, 0.5, 1]) {
      const y = this.y(part * this.top);
      group.append(svg('line', { class: part === 0 ? 'base' : 'grid', x1: LEFT, x2: this.width - RIGHT, y1: y, y2: y }),
        svg('text', { class: 'axis', x: LEFT - 6, y: y + 4, 'text-anchor': 'end' }, this.format(part * this.top)));
    }
    const end = this.begin + this.values.length * MINUTE_MS;
    const hours = this.width < 260 ? 12 : 6;
    const first = new Date(this.begin);
    first.setHours(first.getHours() - (first.getHours() % hours) + hours, 0, 0, 0);
    for (let at = first.getTime(); this.values.length > 0 && at <= end; at += hours * 60 * MINUTE_MS) {
      const x = LEFT + ((at - this.begin) / (end - this.begin)) * (this.width - LEFT - RIGHT);
      if (x > this.width - RIGHT - 14) break;
      group.append(svg('line', { class: 'base', x1: x, x2: x, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM + 4 }),
        svg('text', { class: 'axis', x, y: HEIGHT - 4, 'text-anchor': 'middle' }, clock(at)));
    }
    return group;
  }

  area() {
    const runs = [];
    this.columns.forEach((value, i) => {
      if (value < 0) return;
      if (i === 0 || this.columns[i - 1] < 0) runs.push([]);
      runs.at(-1).push([this.x(i), this.y(value)]);
    });
    const group = svg('g', {});
    const base = HEIGHT - BOTTOM;
    for (const run of runs) {
      const line = run.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join('L');
      group.append(svg('path', { class: 'fill', d: `M${run[0][0].toFixed(1)},${base}L${line}L${run.at(-1)[0].toFixed(1)},${base}Z` }),
        run.length > 1 ? svg('path', { class: 'line', d: `M${line}` })
          : svg('circle', { class: 'dot', cx: run[0][0], cy: run[0][1], r: DOT }));
    }
    return group;
  }

  bars() {
    const width = Math.max(2, (this.width - LEFT - RIGHT) / this.columns.length - 1.5);
    const group = svg('g', {});
    this.columns.forEach((value, i) => {
      if (value < 0) return;
      const y = Math.min(this.y(value), HEIGHT - BOTTOM - 2);
      group.append(svg('rect', { class: 'bar-of', x: (this.x(i) - width / 2).toFixed(1), y: y.toFixed(1), width: width.toFixed(1), height: (HEIGHT - BOTTOM - y).toFixed(1), rx: 1 }));
    });
    return group;
  }

  /** Reads the chart where the pointer is; null: it is elsewhere. */
  point(offset) {
    const inside = offset !== null && offset >= LEFT && this.last !== null && this.columns?.length > 0;
    const column = inside ? Math.min(this.columns.length - 1, Math.floor(((offset - LEFT) / (this.width - LEFT - RIGHT)) * this.columns.length)) : -1;
    this.cursor?.setAttribute('x1', inside ? this.x(column) : -9);
    this.cursor?.setAttribute('x2', inside ? this.x(column) : -9);
    if (!inside) {
      setText(this.now, this.last ?? NONE);
      setText(this.note, this.summary ?? '');
      return;
    }
    const at = this.begin + ((column + 0.5) / this.columns.length) * this.values.length * MINUTE_MS;
    setText(this.now, this.columns[column] < 0 ? NONE : this.format(this.columns[column]));
    setText(this.note, `at ${clock(at)}`);
  }
}

const TIME_STEPS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 28800, 43200, 86400];

/** Ends of an axis that is read as a time. `unit`: of the values, in seconds. */
export function timeStep(unit) {
  return (most) => {
    const seconds = most * unit;
    if (seconds < 1) return roundUp(most);
    const step = TIME_STEPS.find((one) => one >= seconds) ?? roundUp(seconds / 86400) * 86400;
    return step / unit;
  };
}
