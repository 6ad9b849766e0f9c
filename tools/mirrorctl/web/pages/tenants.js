// All tenants: which of them somebody should look at, found by name and state.

import { el, empty, pill, setPill, setText } from './dom.js';
import { listen, live } from './live.js';
import { charts } from './minutes.js';
import { Table } from './table.js';
import { age, counted, NONE, number, STATES, tone } from './text.js';

const PAGE = 100;

function rank(tenant) {
  return STATES.indexOf(tenant.state);
}

/** Few words for why a tenant is in its state. */
function noteOf(tenant) {
  if (tenant.quarantine) return tenant.quarantine;
  if (tenant.failure) return tenant.failure;
  if (tenant.waiting_source_id) return 'another source waits for a decision';
  if (tenant.hub?.suspended_ms) return `suspended in hub ${tenant.hub.storage} for ${age(tenant.hub.suspended_ms)}`;
  if (tenant.hub?.held) return `${counted(tenant.hub.held, 'delivery', 'deliveries')} held in hub ${tenant.hub.storage}`;
  if (tenant.tables_unsent) return `${counted(tenant.tables_unsent, 'table')} not sent by its source`;
  if (tenant.tables_late) return `${counted(tenant.tables_late, 'table')} too old`;
  if (tenant.tables_refused) return `${counted(tenant.tables_refused, 'table')} refused`;
  if (tenant.tables_unpopulated) return `${counted(tenant.tables_unpopulated, 'table')} unpopulated`;
  if (tenant.paused && tenant.pause_reason) return tenant.pause_reason;
  return tenant.door === 'records' ? 'records over HTTP' : '';
}

export function equality(tenant) {
  if (tenant.door === 'records') return NONE;
  if (tenant.tables_differing) return `${counted(tenant.tables_differing, 'table')} ${tenant.tables_differing === 1 ? 'differs' : 'differ'}`;
  return tenant.tables ? 'no difference found' : NONE;
}

/** {text, share}: share is absent where nobody knows how much there is. */
export function running(tenant) {
  if (!tenant.active && !tenant.running_since_ms) return null;
  const done = tenant.running_rows ?? 0;
  const planned = tenant.running_rows_planned ?? 0;
  if (planned > done) return { text: `${Math.floor((100 * done) / planned)} %`, share: done / planned };
  return { text: done > 0 ? counted(done, 'row') : 'begun' };
}

function makeCycle() {
  return el('span', { class: 'cycle' }, el('progress', { max: 1, 'aria-label': 'Progress of the running cycle' }), el('span'));
}

export function setCycle(cell, tenant) {
  const [progress, words] = cell.children;
  const now = running(tenant);
  progress.hidden = !now || now.share === undefined;
  if (now?.share !== undefined) progress.value = now.share;
  const never = tenant.door === 'records' ? NONE : 'never';
  const last = tenant.last_completed_ms ? `${age(tenant.last_completed_ms)} ago` : never;
  setText(words, now ? now.text : last);
}

const columns = [
  {
    title: 'Tenant', head: true, of: (tenant) => tenant.context_id, class: 'named',
    make: () => el('span', {}, el('a', { href: '/' }), el('span', { class: 'note' })),
    set(cell, tenant) {
      const [link, note] = cell.children;
      const href = `/tenants/${encodeURIComponent(tenant.context_id)}`;
      if (link.getAttribute('href') !== href) link.setAttribute('href', href);
      setText(link, tenant.context_id);
      setText(note, noteOf(tenant));
    },
  },
  { title: 'State', of: rank, make: () => pill('', 'quiet'), set: (cell, tenant) => setPill(cell, tenant.state, tone(tenant.state)) },
  {
    title: 'Data age', number: true, of: (tenant) => (tenant.oldest_source_ms ? Date.now() - tenant.oldest_source_ms : -1),
    text: (tenant) => `${age(tenant.oldest_source_ms)}${tenant.tables_late ? ', too old' : ''}`,
  },
  { title: 'Equality', wide: true, of: (tenant) => -(tenant.tables_differing ?? 0), text: equality },
  { title: 'Holds', number: true, wide: true, of: (tenant) => tenant.holds ?? 0, text: (tenant) => (tenant.holds ? number(tenant.holds) : NONE) },
  { title: 'Cycle', wide: true, of: (tenant) => tenant.last_completed_ms ?? 0, first: 'descending', make: makeCycle, set: setCycle },
  {
    title: 'Rows/s', number: true, wide: true, of: (tenant) => tenant.rows_per_second ?? 0,
    text: (tenant) => (tenant.rows_per_second ? number(tenant.rows_per_second) : NONE),
  },
  { title: 'Rows', number: true, wide: true, of: (tenant) => tenant.rows ?? 0, text: (tenant) => number(tenant.rows ?? 0) },
];

function makeFilters(chosen, changed) {
  const bar = el('div', { class: 'chips', role: 'group', 'aria-label': 'Only tenants in a state' });
  const chips = new Map();
  const chip = (state, words) => {
    let button = chips.get(state);
    if (!button) {
      button = el('button', { type: 'button', class: 'chip', onclick: () => {
        chosen.state = chosen.state === state ? '' : state;
        changed();
      } });
      chips.set(state, button);
    }
    setText(button, words);
    button.setAttribute('aria-pressed', String(chosen.state === state));
    return button;
  };
  return {
    element: bar,
    draw(all) {
      const counts = new Map();
      let problems = 0;
      for (const tenant of all) {
        counts.set(tenant.state, (counts.get(tenant.state) ?? 0) + 1);
        if (tenant.problem) problems += 1;
      }
      const wanted = [chip('', `All ${number(all.length)}`)];
      if (problems > 0 || chosen.state === 'problems') wanted.push(chip('problems', `Problems ${number(problems)}`));
      for (const state of STATES) {
        if (counts.has(state) || chosen.state === state) wanted.push(chip(state, `${state} ${number(counts.get(state) ?? 0)}`));
      }
      if (wanted.length !== bar.children.length || wanted.some((button, i) => bar.children[i] !== button)) {
        const focused = bar.contains(document.activeElement) ? document.activeElement : null;
        bar.replaceChildren(...wanted);
        focused?.focus();
      }
    },
  };
}

export default function tenants(main, { announce }) {
  const chosen = { state: '', text: new URLSearchParams(location.search).get('q') ?? '' };
  const search = el('input', { type: 'search', id: 'search', placeholder: 'part of a name', autocomplete: 'off', spellcheck: 'false', value: chosen.text });
  const none = el('div', { hidden: true });
  const table = new Table({ caption: 'Tenants', columns, key: (tenant) => tenant.context_id, pageSize: PAGE,
    sort: { column: columns[1], direction: 'ascending' }, none });
  const found = el('p', { class: 'count', id: 'found' });
  let problems = null;

  const draw = () => {
    const all = [...live.tenants.values()];
    filters.draw(all);
    const wanted = chosen.text.trim().toLowerCase();
    const rows = all.filter((tenant) => (chosen.state === '' || tenant.state === chosen.state || (chosen.state === 'problems' && tenant.problem))
      && (wanted === '' || tenant.context_id.toLowerCase().includes(wanted)));
    table.set(rows);
    const words = !live.complete ? empty('The tenants are being read …')
      : all.length === 0 ? empty('There is no tenant yet.', 'One appears here with its source\'s first cycle.')
        : empty('No tenant matches.', 'Try another word or another state.');
    if (none.textContent !== words.textContent) none.replaceChildren(words);
    setText(found, rows.length === all.length ? '' : `${number(rows.length)} of ${number(all.length)} tenants`);
    main.setAttribute('aria-busy', String(!live.complete));
    const count = all.filter((tenant) => tenant.problem).length;
    if (problems !== null && count !== problems) announce(`${counted(count, 'tenant')} with problems`);
    if (live.complete && problems === null) performance.mark('all tenants');
    if (live.complete) problems = count;
  };
  const filters = makeFilters(chosen, () => {
    table.page = 0;
    draw();
  });
  search.addEventListener('input', () => {
    chosen.text = search.value;
    table.page = 0;
    draw();
  });
  const day = charts('/api/minutes', { lagTitle: 'Oldest data', cycleTitle: 'Longest cycle' });
  main.append(el('div', { class: 'head' }, el('h1', { tabindex: -1 }, 'Tenants')), day.element,
    el('div', { class: 'card' },
      el('div', { class: 'tools' }, el('p', { class: 'field inline' }, el('label', { for: 'search' }, 'Find'), search), filters.element, found),
      table.element));
  draw();
  // Ages grow without news.
  const timer = setInterval(draw, 5000);
  const stop = listen(draw);
  return () => {
    stop();
    clearInterval(timer);
    day.end();
  };
}
