// What operators asked for, and who looked.

import { get } from './api.js';
import { el, empty, pill, problem, setPill, setText } from './dom.js';
import { Table } from './table.js';
import { time, tone } from './text.js';

function columns(looks) {
  const list = [
    { title: 'Time', head: true, wide: true, class: 'time', text: (record) => time(record.time_ms) },
    { title: 'Who', wide: true, text: (record) => record.who },
    { title: 'Outcome', make: () => pill('', 'quiet'), set: (cell, record) => setPill(cell, record.outcome, record.outcome === 'OK' ? tone('OK') : 'bad') },
    { title: 'Call', class: 'long', make: () => el('div', {}, el('span', { class: 'little note' }), el('span')), set(cell, record) {
      setText(cell.children[0], `${time(record.time_ms)} ${record.who}`);
      setText(cell.children[1], record.sealed ? `${record.call} (a signature)` : record.call);
    } },
  ];
  if (!looks) list.unshift({ title: 'Record', number: true, wide: true, text: (record) => String(record.id) });
  return list;
}

export default function audit(main) {
  const looks = new URLSearchParams(location.search).get('looks') === '1';
  const shown = el('div', { 'aria-busy': 'true' });
  const tab = (words, href, here) => el('a', { href, class: 'tab', 'aria-current': here ? 'page' : null }, words);
  main.append(el('div', { class: 'head' }, el('div', {}, el('h1', { tabindex: -1 }, 'Audit'),
    el('p', { class: 'quiet facts' }, looks ? 'Calls that changed nothing, and those that were refused: the last ones, not signed.'
      : 'A signed chain. mirrorctl audit verify recomputes it and verifies its signatures.'))),
  el('nav', { class: 'tabs', 'aria-label': 'Which records' }, tab('What was done', '/audit', !looks), tab('Calls that only read', '/audit?looks=1', looks)),
  el('div', { class: 'card' }, shown));
  const stop = new AbortController();
  get(`/api/audit?looks=${looks ? 1 : 0}`, stop.signal).then(({ records }) => {
    const table = new Table({ caption: looks ? 'Calls that only read, the newest first' : 'What was done, the newest first', columns: columns(looks),
      key: (record) => `${record.id} ${record.time_ms} ${record.call}`, none: empty('There is no record yet.') });
    table.set(records.reverse());
    shown.replaceChildren(table.element);
  }).catch((error) => {
    if (!stop.signal.aborted) shown.replaceChildren(problem(error.message));
  }).finally(() => shown.removeAttribute('aria-busy'));
  return () => stop.abort();
}
