// What a table was: a row's versions side by side, and the rows that differ between two moments.

import { get, tenantPath } from './api.js';
import { el, empty, pill, problem, setPill, setText } from './dom.js';
import { Table } from './table.js';
import { counted, NONE, number, time } from './text.js';

// Versions that stand beside each other.
const BESIDE = 5;
// Characters of a value that are shown.
const VALUE_MAX = 400;

/** NULL and the empty text are not taken for texts that say so. */
function valueParts(text) {
  if (text === null || text === undefined) return [el('span', { class: 'quiet' }, 'NULL')];
  if (text === '') return [el('span', { class: 'quiet' }, "''")];
  if (text.length <= VALUE_MAX) return [el('bdi', { class: 'value' }, text)];
  // Half of a surrogate pair is no character.
  const shown = text.slice(0, VALUE_MAX).replace(/[\ud800-\udbff]$/, '');
  return [el('bdi', { class: 'value' }, shown), el('span', { class: 'note' }, `… of ${number(text.length)} characters`)];
}

/** The commit that a moment ended with. */
function momentWords(change) {
  const at = change.source_ms ? `as of ${time(change.source_ms)}` : `written ${time(change.done_ms)}`;
  return `m:${change.moment} (LSN ${change.lsn ?? NONE}, cycle ${change.cycle ?? NONE}, ${at})`;
}

function endOf(version) {
  if (version.to_moment === null) return 'still valid';
  const at = version.ended_by ? `, ${time(version.ended_by.done_ms)}` : '';
  return `${version.deleted ? 'deleted' : 'changed'} by m:${version.to_moment}${at}`;
}

const FACTS = [
  ['Operation', (version) => version.operation ?? 'older than the history'],
  ['LSN', (version) => version.made_by?.lsn ?? NONE],
  ['Cycle', (version) => version.made_by?.cycle ?? NONE],
  ['At the source', (version) => time(version.made_by?.source_ms)],
  ['Written here', (version) => time(version.made_by?.done_ms)],
  ['Until', endOf],
];

/** Versions of one row, the newest first: a column for each, so many at a time. */
class Versions {
  constructor({ columns, versions }) {
    this.columns = columns;
    this.versions = versions;
    this.changed = new Set(versions.flatMap((version) => version.changed));
    this.first = 0;
    this.head = el('thead');
    this.facts = el('tbody', { class: 'facts-of' });
    this.cells = el('tbody');
    const caption = 'Versions of the row, the newest first';
    this.table = el('table', { class: 'versions' }, el('caption', { class: 'unseen' }, caption), this.head, this.facts, this.cells);
    this.only = el('button', { type: 'button', class: 'chip', 'aria-pressed': 'false', onclick: () => this.press() }, 'Only columns that changed');
    this.only.hidden = this.changed.size === 0;
    this.count = el('p', { class: 'count', role: 'status' });
    this.newer = el('button', { type: 'button', onclick: () => this.turn(-BESIDE) }, 'Newer');
    this.older = el('button', { type: 'button', onclick: () => this.turn(BESIDE) }, 'Older');
    this.element = el('div', { class: 'listing' }, el('div', { class: 'chips inset' }, this.only),
      el('div', { class: 'scroll', role: 'region', 'aria-label': caption, tabindex: 0 }, this.table),
      el('div', { class: 'pager', hidden: versions.length <= BESIDE }, this.count, el('div', { class: 'buttons' }, this.newer, this.older)));
    this.draw();
  }

  press() {
    this.only.setAttribute('aria-pressed', String(this.only.getAttribute('aria-pressed') !== 'true'));
    this.draw();
  }

  turn(by) {
    this.first += by;
    this.draw();
  }

  cellOf(version, column) {
    const changed = version.changed.includes(column);
    return el('td', { class: changed ? 'changed' : null }, changed ? el('span', { class: 'unseen' }, 'changed: ') : null, valueParts(version.cells[column]));
  }

  draw() {
    const shown = this.versions.slice(this.first, this.first + BESIDE);
    const only = this.only.getAttribute('aria-pressed') === 'true';
    this.head.replaceChildren(el('tr', {}, el('th', { scope: 'col' }, 'Moment'),
      shown.map((version) => el('th', { scope: 'col' }, version.from_moment === null ? 'before' : `m:${version.from_moment}`))));
    this.facts.replaceChildren(...FACTS.map(([name, of]) => el('tr', {}, el('th', { scope: 'row' }, name), shown.map((version) => el('td', {}, String(of(version)))))));
    this.cells.replaceChildren(...this.columns.flatMap((name, column) => (only && !this.changed.has(column) ? []
      : [el('tr', {}, el('th', { scope: 'row', class: 'named' }, name), shown.map((version) => this.cellOf(version, column)))])));
    setText(this.count, `${number(this.first + 1)}–${number(this.first + shown.length)} of ${number(this.versions.length)}, the newest first`);
    this.newer.disabled = this.first === 0;
    this.older.disabled = this.first + BESIDE >= this.versions.length;
  }
}

function drawVersions(answer, announce) {
  const words = [];
  if (answer.versions.length === 0) words.push('There was no such row.');
  else if (answer.versions[0].deleted) words.push('There is no such row now.');
  words.push(`The table has a history from m:${answer.known_from} on.`);
  if (!answer.complete) words.push(`Only the newest ${number(answer.versions.length)} versions are shown: there are older ones.`);
  announce(answer.versions.length === 0 ? words[0] : counted(answer.versions.length, 'version'));
  const facts = el('p', { class: 'quiet inset facts' }, words.join(' '));
  return answer.versions.length === 0 ? [facts] : [facts, new Versions(answer).element];
}

const KINDS = { inserted: 'info', deleted: 'bad', changed: 'warn' };

function kindOf(row) {
  if (row.before === null) return 'inserted';
  return row.after === null ? 'deleted' : 'changed';
}

/** A line for each column that differs, those of a row together. */
function linesOf(rows) {
  return rows.flatMap((row) => row.columns.map((column, i) => ({
    key: row.key, kind: kindOf(row), first: i === 0, column, before: row.before?.[i], after: row.after?.[i], had: row.before !== null, has: row.after !== null,
  })));
}

function differenceColumns(showRow) {
  const value = (title, there, of) => ({
    title, class: 'long', make: () => el('div'),
    set: (cell, line) => cell.replaceChildren(...(there(line) ? valueParts(of(line)) : [NONE])),
  });
  return [
    { title: 'Key', head: true, class: 'named', make: () => el('span', {}, el('button', { type: 'button', class: 'plain key' }), el('span', { class: 'quiet' }), el('span', { class: 'little note' })), set(cell, line) {
      const [button, again, kind] = cell.children;
      button.hidden = !line.first;
      // The same key again is there for who reads line by line.
      again.hidden = line.first;
      setText(button, line.key);
      button.setAttribute('aria-label', `${line.key}: its versions`);
      button.onclick = () => showRow(line.key);
      setText(again, line.key);
      setText(kind, line.kind);
      cell.closest('tr').className = line.first ? '' : 'same';
    } },
    { title: 'What', wide: true, make: () => pill('', 'quiet'), set: (cell, line) => setPill(cell, line.kind, KINDS[line.kind]) },
    { title: 'Column', class: 'named', text: (line) => line.column },
    value('Before', (line) => line.had, (line) => line.before),
    value('After', (line) => line.has, (line) => line.after),
  ];
}

function drawDifferences(answer, showRow, announce) {
  const between = el('p', { class: 'quiet inset facts' }, `From ${momentWords(answer.from)} to ${momentWords(answer.to)}.`);
  const count = answer.rows.length;
  if (count === 0) {
    announce('No row differs');
    return [between, empty('No row differs.')];
  }
  const words = `${counted(count, 'row')} ${count === 1 ? 'differs' : 'differ'}`;
  announce(answer.more ? `The first ${words}` : words);
  const table = new Table({ caption: 'Rows that differ, by their keys', columns: differenceColumns(showRow), key: (line) => `${line.key} ${line.column}` });
  table.set(linesOf(answer.rows));
  const found = el('p', { class: 'inset', role: 'status' }, `${words}.`);
  if (!answer.more) return [between, found, table.element];
  return [between, el('p', { class: 'banner warn inset' }, `More rows differ than the first ${number(count)}, which are shown. This prints all: `, el('code', {}, answer.command)), table.element];
}

/** A question with fields, and below it the answer to the last time that it was asked. */
function question({ title, hint, fields, yes, ask }) {
  const shown = el('div');
  const go = el('button', { type: 'submit', class: 'main' }, yes);
  const form = el('form', { class: 'tools', 'aria-label': title },
    fields.map(([words, input]) => el('p', { class: 'field inline' }, el('label', { for: input.id }, words), input)), go);
  let stop = new AbortController();
  async function run() {
    stop.abort();
    stop = new AbortController();
    const { signal } = stop;
    shown.setAttribute('aria-busy', 'true');
    shown.replaceChildren(el('p', { class: 'quiet inset' }, 'The server reads …'));
    try {
      const parts = await ask(signal);
      if (!signal.aborted) shown.replaceChildren(...parts);
    } catch (error) {
      if (!signal.aborted) shown.replaceChildren(el('div', { class: 'inset' }, problem(error.message)));
    }
    if (!signal.aborted) shown.removeAttribute('aria-busy');
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    run();
  });
  return {
    element: el('section', { class: 'card' }, el('h2', {}, title), el('p', { class: 'quiet inset facts' }, hint), form, shown),
    run,
    end: () => stop.abort(),
  };
}

// What is typed may be a person's name: no browser keeps it, and no address has it.
const line = (id, placeholder) => el('input', { id, type: 'text', autocomplete: 'off', spellcheck: 'false', placeholder });

export default function history(main, { params: [id], about, announce }) {
  const table = new URLSearchParams(location.search).get('table') ?? '';
  const home = `/tenants/${encodeURIComponent(id)}`;
  main.append(el('nav', { class: 'crumbs', 'aria-label': 'You are here' }, el('a', { href: '/' }, 'Tenants'), ' / ', el('a', { href: home }, id), ' / ',
    el('span', { 'aria-current': 'page' }, 'History')),
  el('div', { class: 'head' }, el('h1', { tabindex: -1 }, table === '' ? 'History' : `History of ${table}`)));
  if (table === '' || !about.operator) {
    main.append(el('section', { class: 'card' }, table === '' ? empty('This address names no table.', el('a', { href: home }, `Tables of ${id}`))
      : empty('Values of rows are shown to operators.', 'These pages were opened with the certificate of a viewer.')));
    return () => {};
  }
  const path = (name, asked) => `${tenantPath(id, name)}?${new URLSearchParams({ table, ...asked })}`;
  const key = line('key', "17, or 'Ada', 3");
  const from = line('from', 'm:12');
  const to = line('to', 'the last commit');
  const row = question({
    title: 'A row', hint: 'Give the values of its key, separated by commas. Each version is a column, the newest first; what changed is marked.',
    fields: [['Key', key]], yes: 'Show',
    ask: async (signal) => drawVersions(await get(path('history', { key: key.value }), signal), announce),
  });
  const showRow = (typed) => {
    key.value = typed;
    row.element.scrollIntoView({ block: 'start' });
    key.focus({ preventScroll: true });
    row.run();
  };
  const differences = question({
    title: 'Between two moments', hint: 'Each is an LSN (1234), a moment (m:12), or a time in UTC (2026-03-31T12:00:00Z).',
    fields: [['From', from], ['To', to]], yes: 'Compare',
    ask: async (signal) => drawDifferences(await get(path('diff', { from: from.value.trim(), to: to.value.trim() }), signal), showRow, announce),
  });
  main.append(row.element, differences.element);
  return () => {
    row.end();
    differences.end();
  };
}
