// One tenant: how it is, what waits for a decision, its last day, its tables, and its last cycles or, where its rows come
// as records, its imports.

import { get, tenantPath } from './api.js';
import { el, empty, pill, problem, setPill, setText } from './dom.js';
import { isOver, jobColumns } from './jobs.js';
import { listen, live } from './live.js';
import { charts } from './minutes.js';
import { Table } from './table.js';
import { holdParts, invalidateTable, tenantButtons } from './tenant_acts.js';
import { setCycle, equality } from './tenants.js';
import { age, bytes, counted, NONE, number, span, time, tone } from './text.js';

// While a cycle runs, its tables change with every commit.
const LOAD_EVERY_MS = 3000;

function figure(title, value) {
  const note = el('dd', { class: 'beside' });
  return { element: el('div', { class: 'figure' }, el('dt', {}, title), value, note), value, note };
}

/** Of a tenant whose rows come as records: it has no cycles, and nothing to be equal to. */
function makeRecordFigures() {
  const figures = {
    rows: figure('Rows', el('dd')), rate: figure('Rows a second', el('dd')), written: figure('Last written', el('dd')), size: figure('Size', el('dd')),
  };
  return {
    element: el('dl', { class: 'figures four' }, Object.values(figures).map((one) => one.element)),
    draw(tenant) {
      setText(figures.rows.value, number(tenant.rows ?? 0));
      setText(figures.rows.note, 'business partners');
      setText(figures.rate.value, number(tenant.rows_per_second || 0));
      setText(figures.rate.note, 'in the last seconds');
      setText(figures.written.value, tenant.last_progress_ms ? `${age(tenant.last_progress_ms)} ago` : NONE);
      setText(figures.written.note, 'over HTTP');
      setText(figures.size.value, bytes(tenant.bytes));
      setText(figures.size.note, 'on the disk');
    },
  };
}

function makeFigures() {
  const cycle = el('dd', { class: 'cycle' }, el('progress', { max: 1, 'aria-label': 'Progress of the running cycle', hidden: true }), el('span'));
  const figures = {
    age: figure('Data age', el('dd')), equality: figure('Equality', el('dd')), rows: figure('Rows', el('dd')),
    rate: figure('Rows a second', el('dd')), cycle: figure('Cycle', cycle), size: figure('Size', el('dd')),
  };
  const element = el('dl', { class: 'figures' }, Object.values(figures).map((one) => one.element));
  return {
    element,
    draw(tenant, tables) {
      const proven = tables.filter((table) => table.equality === 'equal').length;
      setText(figures.age.value, age(tenant.oldest_source_ms));
      setText(figures.age.note, tenant.tables_late ? 'older than its target' : 'of the oldest table');
      setText(figures.equality.value, tables.length > 0 ? `${number(proven)} of ${number(tables.length)}` : NONE);
      setText(figures.equality.note, tenant.tables_differing ? equality(tenant) : 'tables found equal');
      setText(figures.rows.value, number(tenant.rows ?? 0));
      setText(figures.rows.note, `in ${counted(tenant.tables ?? 0, 'table')}`);
      setText(figures.rate.value, number(tenant.rows_per_second || 0));
      setText(figures.rate.note, 'in the last seconds');
      setText(figures.cycle.note, tenant.active ? 'of the running cycle' : 'the last one completed');
      setText(figures.size.note, 'on the disk');
      setText(figures.size.value, bytes(tenant.bytes));
      setCycle(cycle, tenant);
    },
  };
}

function reasons(tenant) {
  const list = [];
  if (tenant.quarantine) list.push(['bad', tenant.quarantine]);
  if (tenant.failing_since_ms) list.push(['bad', `Its cycles have failed for ${age(tenant.failing_since_ms)}: ${tenant.failure}`]);
  if (tenant.waiting_source_id) list.push(['warn', 'Another source database announced itself and waits for a decision.']);
  if (tenant.hub?.stopped) list.push(['warn', `Deliveries: ${tenant.hub.stopped}`]);
  if (tenant.hub?.held) list.push(['warn', `Hub ${tenant.hub.storage} holds ${counted(tenant.hub.held, 'delivery', 'deliveries')} for it until somebody decides.`]);
  if (tenant.hub?.refused) list.push(['warn', `Its source refuses ${counted(tenant.hub.refused, 'delivery', 'deliveries')} of hub ${tenant.hub.storage}.`]);
  if (tenant.tables_late && !tenant.paused) list.push(['warn', `${counted(tenant.tables_late, 'table')} older than the freshness target. Check whether the source's agent runs.`]);
  if (tenant.paused) list.push(['warn', `Paused: ${tenant.pause_reason || 'no reason was given'}`]);
  return list.map(([kind, words]) => el('p', { class: `banner ${kind}` }, words));
}

/** Tables that the source could not send, by why. */
function unsent(tables) {
  const byReason = new Map();
  for (const table of tables.filter((one) => one.unsent)) {
    byReason.set(table.unsent_why, [...(byReason.get(table.unsent_why) ?? []), table]);
  }
  return [...byReason].map(([why, some]) => {
    const since = Math.min(...some.map((one) => one.unsent_since_ms));
    const names = some.slice(0, 10).map((one) => one.table).join(', ') + (some.length > 10 ? ` and ${number(some.length - 10)} more` : '');
    return el('p', { class: 'banner warn' }, `Not sent by the source for ${age(since)} (${why}): ${names}`);
  });
}

function equalityOf(table) {
  let words = table.equality;
  if (table.equality === 'differs') words += ` in ${counted(table.rows_differ, 'row')}`;
  if (table.compared_ms > 0) words += `, ${age(table.compared_ms)} ago`;
  if (table.verify_wanted) words += '; to be compared';
  return words;
}

function ageOf(table) {
  const old = table.source_time_ms ? Date.now() - table.source_time_ms : 0;
  const late = table.freshness_target_ms > 0 && old > table.freshness_target_ms;
  return `${age(table.source_time_ms)}${late ? ', too old' : ''}`;
}

/** The name; for who may read rows a link to what they were. */
function nameColumn(id, isOperator) {
  return {
    title: 'Table', head: true, of: (table) => table.table, class: 'named', make: () => el('a', {}),
    set(link, table) {
      setText(link, table.table);
      // Where it is not told whether there is a history, the page itself says so.
      if (!isOperator || table.history === false) {
        link.removeAttribute('href');
        link.removeAttribute('aria-label');
        return;
      }
      link.setAttribute('href', `/tenants/${encodeURIComponent(id)}/history?table=${encodeURIComponent(table.table)}`);
      link.setAttribute('aria-label', `${table.table}: its history`);
    },
  };
}

const recordTableColumns = (id, isOperator) => [
  nameColumn(id, isOperator),
  { title: 'State', of: (table) => table.state, make: () => pill('', 'quiet'), set: (cell, table) => setPill(cell, table.state, tone(table.state)) },
  { title: 'LSN', number: true, wide: true, of: (table) => table.position.lsn, text: (table) => String(table.position.lsn) },
  { title: 'Columns', number: true, wide: true, of: (table) => table.columns, text: (table) => number(table.columns) },
  { title: 'Rows', number: true, of: (table) => table.row_count, text: (table) => number(table.row_count) },
];

function tableColumns(id, isOperator, done) {
  const columns = [
    nameColumn(id, isOperator),
    { title: 'State', of: (table) => table.state, make: () => pill('', 'quiet'), set: (cell, table) => setPill(cell, table.state, tone(table.state)) },
    { title: 'LSN', number: true, wide: true, of: (table) => table.position.lsn, text: (table) => String(table.position.lsn) },
    { title: 'Rows', number: true, of: (table) => table.row_count, text: (table) => number(table.row_count) },
    { title: 'As of', wide: true, of: (table) => table.source_time_ms, first: 'descending', text: (table) => (table.source_time_ms ? time(table.source_time_ms) : NONE) },
    { title: 'Age', number: true, wide: true, of: (table) => -table.source_time_ms, text: ageOf },
    { title: 'Equality', wide: true, of: (table) => table.equality, text: equalityOf },
  ];
  if (isOperator) {
    columns.push({
      title: 'Act', make: () => el('button', { type: 'button', class: 'small plain' }, el('span', { class: 'wide' }, 'Invalidate\u00a0'), '…'),
      set(button, table) {
        // Of a table that was never announced the mirror has nothing.
        button.hidden = table.state === 'unsent' && !table.columns;
        button.onclick = () => invalidateTable(id, table.table, done);
        button.setAttribute('aria-label', `Invalidate ${table.table} …`);
      },
    });
  }
  return columns;
}

const cycleColumns = [
  { title: 'Began', head: true, of: (cycle) => cycle.began_ms, first: 'descending', text: (cycle) => time(cycle.began_ms) },
  { title: 'End', make: () => pill('', 'quiet'), set: (cell, cycle) => setPill(cell, cycle.end, tone(cycle.end)) },
  { title: 'Took', number: true, text: (cycle) => span((cycle.ended_ms || Date.now()) - cycle.began_ms) },
  { title: 'Inserts', number: true, wide: true, text: (cycle) => number(cycle.inserts) },
  { title: 'Updates', number: true, wide: true, text: (cycle) => number(cycle.updates) },
  { title: 'Deletes', number: true, wide: true, text: (cycle) => number(cycle.deletes) },
  { title: 'Why', wide: true, text: (cycle) => cycle.why || NONE, class: 'long' },
];

const holdColumns = [
  { title: 'Table', head: true, class: 'named', text: (hold) => hold.what },
  { title: 'State', make: () => pill('', 'quiet'), set: (cell, hold) => setPill(cell, hold.state, tone(hold.state)) },
  { title: 'What waits', class: 'long', make: () => el('div', { class: 'waits' }, el('span'), el('span', { class: 'note' }), el('div', { class: 'buttons' })), set(cell, hold) {
    const [words, keys, buttons] = cell.children;
    setText(words, hold.meaning);
    setText(keys, hold.keys.length > 0 ? `Keys of the first: ${hold.keys.join(', ')}` : '');
    // Buttons of a hold that is as it was keep the focus.
    const drawn = JSON.stringify([hold.hold, hold.state, hold.keys.length > 0]);
    if (cell.dataset.drawn === drawn) return;
    cell.dataset.drawn = drawn;
    buttons.replaceChildren(...hold.buttons);
  } },
  { title: 'Since', wide: true, number: true, text: (hold) => age(hold.since_ms) },
];

export default function tenant(main, { params: [id], about, announce }) {
  const title = el('h1', { tabindex: -1 }, id);
  const state = pill('…', 'quiet');
  const facts = el('p', { class: 'quiet facts' });
  const buttons = el('div', { class: 'buttons' });
  const notes = el('div', { class: 'notes' });
  const done = (words) => {
    announce(words);
    load();
  };
  const holds = new Table({ caption: `Holds of ${id}`, columns: holdColumns, key: (hold) => hold.hold });
  const waiting = el('section', { class: 'card', hidden: true }, el('h2', {}, 'Waiting for a decision'), holds.element);
  const body = el('div', { hidden: true });
  main.append(el('nav', { class: 'crumbs', 'aria-label': 'You are here' }, el('a', { href: '/' }, 'Tenants'), ' / ', el('span', { 'aria-current': 'page' }, id)),
    el('div', { class: 'head' }, el('div', {}, el('div', { class: 'titled' }, title, state), facts), buttons), notes, body);

  main.setAttribute('aria-busy', 'true');
  let shown = null;
  let figures = null;
  let day = null;
  let tables = null;
  let last = null;
  let drawnButtons = '';
  // What there is to be shown hangs on how its rows come.
  const build = (isRecords) => {
    figures = isRecords ? makeRecordFigures() : makeFigures();
    day = charts(tenantPath(id, 'minutes'), { lagTitle: 'Data age', cycleTitle: 'Cycle', rowsAlone: isRecords });
    tables = new Table({ caption: `Tables of ${id}`, columns: isRecords ? recordTableColumns(id, about.operator) : tableColumns(id, about.operator, done), key: (table) => table.table, pageSize: 50, none: el('div', { hidden: true }) });
    last = isRecords
      ? new Table({ caption: `Imports into ${id}`, columns: jobColumns(false), key: (job) => job.id, none: empty('No file was imported into it.', 'Records that come one by one, or many in one call, are not listed.') })
      : new Table({ caption: `Last cycles of ${id}`, columns: cycleColumns, key: (cycle) => String(cycle.cycle), none: empty('No cycle since the server was started.') });
    body.append(figures.element, waiting, day.element,
      el('section', { class: 'card' }, el('h2', {}, 'Tables'), tables.element),
      el('section', { class: 'card' }, el('h2', {}, isRecords ? 'Imports' : 'Last cycles'), last.element));
  };
  const drawTenant = (now) => {
    setText(title, now.context_id);
    state.hidden = false;
    setPill(state, now.state, tone(now.state));
    const comes = now.door === 'records' ? ['Its rows come as records over HTTP, without cycles'] : [now.issuer, now.environment];
    setText(facts, [...comes, now.path].filter(Boolean).join(' · '));
    figures.draw(now, shown.tables);
    const wanted = [...reasons(now), ...unsent(shown.tables)];
    if (notes.textContent !== wanted.map((note) => note.textContent).join('')) notes.replaceChildren(...wanted);
    const which = String(Boolean(now.paused));
    if (about.operator && now.state !== 'deleted' && drawnButtons !== which) {
      const storage = now.door === 'records' ? id.split('--')[0] : null;
      buttons.replaceChildren(...tenantButtons(id, now, done),
        ...(storage ? [el('a', { class: 'button', href: `/storages?find=${encodeURIComponent(storage)}` }, 'Storage')] : []),
        el('a', { class: 'button', href: `/events?tenant=${encodeURIComponent(id)}` }, 'Events'));
      drawnButtons = which;
    }
  };
  const keys = new Map();
  const drawHolds = () => {
    holds.set(shown.holds.map((hold) => {
      const known = { ...hold, keys: keys.get(hold.hold) ?? [] };
      return { ...known, ...holdParts(id, known, about.operator, done, showKeys) };
    }));
    waiting.hidden = shown.holds.length === 0;
  };
  async function showKeys() {
    try {
      for (const hold of (await get(tenantPath(id, 'holds', 'keys'))).holds) keys.set(hold.hold, hold.keys);
      drawHolds();
    } catch (error) {
      notes.replaceChildren(problem(error.message));
    }
  }
  const stop = new AbortController();
  let loading = false;
  let again = null;
  async function load() {
    if (loading || stop.signal.aborted) return;
    loading = true;
    clearTimeout(again);
    again = null;
    try {
      shown = await get(tenantPath(id), stop.signal);
      if (figures === null) build(shown.tenant.door === 'records');
      drawTenant(shown.tenant);
      tables.set(shown.tables);
      if (shown.tables.length === 0) tables.none.replaceChildren(empty(shown.tables_error ?? 'It has no table yet.'));
      last.set(shown.jobs ?? shown.cycles);
      drawHolds();
      body.hidden = false;
    } catch (error) {
      if (stop.signal.aborted) return;
      state.hidden = shown === null;
      body.hidden = shown === null;
      notes.replaceChildren(problem(error.message));
    } finally {
      loading = false;
      // A job's end is no news of the tenant.
      if (shown?.jobs?.some((job) => !isOver(job)) && !stop.signal.aborted) again ??= setTimeout(load, LOAD_EVERY_MS);
      if (!stop.signal.aborted) main.removeAttribute('aria-busy');
    }
  }
  load();
  const onNews = () => {
    const now = live.tenants.get(id);
    if (!now) return;
    if (shown && JSON.stringify(now) === onNews.seen) return;
    onNews.seen = JSON.stringify(now);
    if (shown) drawTenant(now);
    again ??= setTimeout(load, LOAD_EVERY_MS);
  };
  const timer = setInterval(() => shown && drawTenant(live.tenants.get(id) ?? shown.tenant), 5000);
  const end = listen(onNews);
  return () => {
    end();
    stop.abort();
    clearInterval(timer);
    clearTimeout(again);
    day?.end();
  };
}
