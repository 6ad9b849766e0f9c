// Storages and what stands in each: a line for each data source, those of a storage together.

import { get } from './api.js';
import { el, empty, pill, problem, setPill, setText } from './dom.js';
import { listen, live } from './live.js';
import { Table } from './table.js';
import { age, counted, NONE, number, tone } from './text.js';

/** Where records are taken, or that they are not, and what to do about it. */
export function doorNote(url) {
  if (url) return ['Records are accepted at ', el('code', {}, url)];
  return ['The HTTP door is off, and no records are accepted. To switch it on, set ', el('code', {}, 'enabled = true'), ' under ', el('code', {}, '[http]'), ' in mirror-server.toml and restart the server.'];
}

/** As it is now, by what is live. */
function now(row) {
  return live.tenants.get(row.source?.tenant) ?? row.source ?? {};
}

function setStorage(cell, row) {
  const [id, name] = cell.children;
  setText(id, row.storage.id);
  setText(name, row.first && row.storage.name !== row.storage.id ? row.storage.name : '');
  // The same storage again is there for who reads line by line.
  cell.className = row.first ? '' : 'quiet';
  cell.closest('tr').className = row.first ? '' : 'same';
}

function setSource(cell, row) {
  const [little, link, note] = cell.children;
  const source = row.source;
  setText(little, row.first ? row.storage.id : '');
  setText(note, source ? (source.name === source.id ? '' : source.name) : row.storage.problem);
  setText(link, source?.id ?? NONE);
  if (!source) return link.removeAttribute('href');
  link.setAttribute('href', `/tenants/${encodeURIComponent(source.tenant)}`);
  return link.setAttribute('aria-label', `${source.id} of ${row.storage.id}`);
}

const columns = [
  { title: 'Storage', wide: true, class: 'named', make: () => el('span', {}, el('span'), el('span', { class: 'note' })), set: setStorage },
  { title: 'Data source', head: true, class: 'named', make: () => el('span', {}, el('span', { class: 'little' }), el('a', {}), el('span', { class: 'note' })), set: setSource },
  { title: 'Rows come by', wide: true, class: 'whole', text: (row) => (row.source ? { records: 'records', cycles: 'cycles of an agent' }[row.source.door] ?? NONE : NONE) },
  { title: 'State', make: () => pill('', 'quiet'), set(cell, row) {
    const state = row.source ? now(row).state || 'unknown' : 'unreadable';
    setPill(cell, state, state === 'unreadable' ? 'bad' : tone(state));
  } },
  { title: 'Rows', number: true, text: (row) => (row.source ? number(now(row).rows ?? 0) : NONE) },
  { title: 'Last written', number: true, wide: true, text: (row) => (now(row).last_progress_ms ? `${age(now(row).last_progress_ms)} ago` : NONE) },
  { title: 'Mapper', wide: true, text: (row) => row.source?.mapper || NONE },
  { title: 'Tenant', wide: true, class: 'quiet whole', text: (row) => row.source?.tenant ?? row.storage.id },
];

function rowsOf(storages) {
  return storages.flatMap((storage) => (storage.data_sources.length > 0 ? storage.data_sources : [null])
    .map((source, i) => ({ storage, source, first: i === 0 })));
}

export default function storages(main) {
  const asked = new URLSearchParams(location.search);
  const search = el('input', { type: 'search', id: 'search', placeholder: 'part of an id', autocomplete: 'off', spellcheck: 'false', value: asked.get('find') ?? '' });
  const records = el('button', { type: 'button', class: 'chip', 'aria-pressed': 'false' }, 'With records');
  const trouble = el('div', {});
  const note = el('p', { class: 'quiet facts' });
  const found = el('p', { class: 'count', role: 'status' });
  const more = el('button', { type: 'button', hidden: true }, 'More storages');
  const table = new Table({ caption: 'Storages and their data sources', columns, key: (row) => `${row.storage.id} ${row.source?.id}`, none: el('div', { hidden: true }) });
  let all = [];
  let next = '';
  let stop = new AbortController();

  const filtered = () => search.value.trim() !== '' || records.getAttribute('aria-pressed') === 'true';
  const draw = () => {
    table.set(rowsOf(all));
    const words = filtered() ? empty('No storage matches.')
      : empty('There is no storage yet.', 'POST /v2/storages makes one, and so does a source\'s first cycle.');
    if (table.none.textContent !== words.textContent) table.none.replaceChildren(words);
    more.hidden = next === '';
    setText(found, all.length === 0 ? '' : `${counted(all.length, 'storage')}${next === '' ? '' : ', and more'}`);
  };
  async function load(page) {
    const text = search.value.trim();
    const query = new URLSearchParams({ find: text && !text.includes('*') ? `*${text}*` : text, records: records.getAttribute('aria-pressed') === 'true' ? 1 : 0, page });
    if (page === '') stop.abort();
    if (page === '') stop = new AbortController();
    const { signal } = stop;
    more.disabled = true;
    try {
      let answer = await get(`/api/storages?${query}`, signal);
      all = page === '' ? answer.storages : [...all, ...answer.storages];
      // A stretch in which none is meant is no end.
      while (answer.next !== '' && answer.storages.length === 0) {
        query.set('page', answer.next);
        answer = await get(`/api/storages?${query}`, signal);
        all = [...all, ...answer.storages];
      }
      next = answer.next;
      note.replaceChildren(...doorNote(answer.http_url));
      trouble.replaceChildren();
      draw();
    } catch (error) {
      if (signal.aborted) return;
      trouble.replaceChildren(problem(error.message));
    }
    more.disabled = false;
    main.removeAttribute('aria-busy');
  }
  let due = null;
  search.addEventListener('input', () => {
    clearTimeout(due);
    due = setTimeout(load, 300, '');
  });
  records.addEventListener('click', () => {
    records.setAttribute('aria-pressed', String(records.getAttribute('aria-pressed') !== 'true'));
    load('');
  });
  more.addEventListener('click', () => load(next));
  main.append(el('div', { class: 'head' }, el('div', {}, el('h1', { tabindex: -1 }, 'Storages'), note)), trouble,
    el('div', { class: 'card' }, el('div', { class: 'tools' },
      el('p', { class: 'field inline' }, el('label', { for: 'search' }, 'Find'), search),
      el('div', { class: 'chips', role: 'group', 'aria-label': 'Only storages' }, records), found),
    table.element, el('div', { class: 'more' }, more)));
  main.setAttribute('aria-busy', 'true');
  load('');
  const redraw = () => !main.hasAttribute('aria-busy') && draw();
  const end = listen(redraw);
  const timer = setInterval(redraw, 5000);
  return () => {
    end();
    stop.abort();
    clearInterval(timer);
    clearTimeout(due);
  };
}
