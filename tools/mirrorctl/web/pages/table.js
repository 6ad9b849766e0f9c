// A table of many rows: sorted by its columns, a page at a time, changed in place so that neither focus nor selection is
// lost while it is looked at.

import { el, setText } from './dom.js';
import { number } from './text.js';

const compare = new Intl.Collator('en', { numeric: true, sensitivity: 'base' }).compare;

function order(one, other) {
  if (typeof one === 'number' && typeof other === 'number') return one - other;
  return compare(String(one), String(other));
}

export class Table {
  /** columns: {title, of(row) to sort by; absent: not sorted, number, wide: left out where there is little room,
      first: 'descending', make() an element, set(element, row)}. `key(row)` tells rows apart. */
  constructor({ caption, columns, key, pageSize = 100, sort = null, none }) {
    this.columns = columns;
    // Where there is little room, these columns are at the edges.
    this.last = columns.findLast((column) => !column.wide);
    this.first = columns.find((column) => !column.wide);
    this.key = key;
    this.pageSize = pageSize;
    this.sort = sort;
    this.page = 0;
    this.rows = [];
    this.heads = columns.map((column) => this.makeHead(column));
    this.body = el('tbody');
    this.count = el('p', { class: 'count', role: 'status' });
    this.before = el('button', { type: 'button', onclick: () => this.turn(-1) }, 'Previous');
    this.after = el('button', { type: 'button', onclick: () => this.turn(1) }, 'Next');
    this.pager = el('div', { class: 'pager' }, this.count, el('div', { class: 'buttons' }, this.before, this.after));
    this.none = none;
    this.table = el('table', {}, el('caption', { class: 'unseen' }, caption),
      el('thead', {}, el('tr', {}, this.heads)), this.body);
    this.scroller = el('div', { class: 'scroll', role: 'region', 'aria-label': caption, tabindex: 0 }, this.table);
    this.element = el('div', { class: 'listing' }, this.scroller, this.none, this.pager);
    this.lines = [];
  }

  classesOf(column, own = null) {
    const edge = column === this.last && column !== this.columns.at(-1);
    const start = column === this.first && column !== this.columns[0];
    return [column.number && 'number', column.wide && 'wide', edge && 'edge', start && 'start', own].filter(Boolean).join(' ') || null;
  }

  makeHead(column) {
    const classes = this.classesOf(column);
    if (!column.of) return el('th', { scope: 'col', class: classes }, column.title);
    const sort = el('button', { type: 'button', class: 'sort', onclick: () => this.sortBy(column) }, column.title);
    return el('th', { scope: 'col', class: classes }, sort);
  }

  sortBy(column) {
    const same = this.sort?.column === column;
    const first = column.first ?? (column.number ? 'descending' : 'ascending');
    const other = first === 'ascending' ? 'descending' : 'ascending';
    this.sort = { column, direction: same && this.sort.direction === first ? other : first };
    this.page = 0;
    this.draw();
  }

  turn(by) {
    this.page += by;
    this.draw();
    this.table.scrollIntoView({ block: 'nearest' });
  }

  set(rows) {
    this.rows = rows;
    this.draw();
  }

  sorted() {
    if (!this.sort) return this.rows;
    const { column, direction } = this.sort;
    const sign = direction === 'ascending' ? 1 : -1;
    const placed = this.rows.map((row) => [column.of(row), row]);
    placed.sort(([one, a], [other, b]) => sign * order(one, other) || compare(this.key(a), this.key(b)));
    return placed.map(([, row]) => row);
  }

  makeLine() {
    const cells = this.columns.map((column) => {
      const inner = column.make ? column.make() : null;
      return { cell: el(column.head ? 'th' : 'td', { class: this.classesOf(column, column.class), scope: column.head ? 'row' : null }, inner), inner };
    });
    return { row: el('tr', {}, cells.map(({ cell }) => cell)), cells };
  }

  draw() {
    const pages = Math.max(1, Math.ceil(this.rows.length / this.pageSize));
    this.page = Math.min(Math.max(this.page, 0), pages - 1);
    const first = this.page * this.pageSize;
    const shown = this.sorted().slice(first, first + this.pageSize);
    this.heads.forEach((head, i) => {
      const wanted = this.sort?.column === this.columns[i] ? this.sort.direction : null;
      if (wanted) head.setAttribute('aria-sort', wanted);
      else head.removeAttribute('aria-sort');
    });
    while (this.lines.length < shown.length) {
      const line = this.makeLine();
      this.lines.push(line);
      this.body.append(line.row);
    }
    while (this.lines.length > shown.length) this.lines.pop().row.remove();
    shown.forEach((row, i) => {
      this.columns.forEach((column, j) => {
        const { cell, inner } = this.lines[i].cells[j];
        if (column.set) column.set(inner ?? cell, row);
        else setText(cell, String(column.text(row)));
      });
    });
    this.scroller.hidden = this.rows.length === 0;
    if (this.none) this.none.hidden = this.rows.length > 0;
    this.pager.hidden = this.rows.length <= this.pageSize;
    const last = Math.min(first + this.pageSize, this.rows.length);
    setText(this.count, this.pager.hidden ? '' : `${number(first + 1)}–${number(last)} of ${number(this.rows.length)}`);
    this.before.disabled = this.page === 0;
    this.after.disabled = this.page >= pages - 1;
  }
}
