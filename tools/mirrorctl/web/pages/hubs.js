// Hubs: how their members stand, what waits for somebody, records with several rows of one system, and one record.

import { get, post } from './api.js';
import { ask } from './dialog.js';
import { el, empty, pill, problem, setPill } from './dom.js';
import { Table } from './table.js';
import { age, counted, NONE, number, time } from './text.js';

function hubPath(storage, ...rest) {
  return ['/api/hubs', encodeURIComponent(storage), ...rest].join('/');
}

/** [word, tone] of how a member stands. */
function stateOf(member) {
  if (member.suspended_ms) return [member.source_restored ? 'restored' : 'suspended', 'warn'];
  if (member.trouble) return ['failing', 'bad'];
  if (!member.context_id) return ['absent', 'quiet'];
  return member.cycle ? ['read', 'good'] : ['unread', 'quiet'];
}

const members = [
  { title: 'Data source', head: true, class: 'named', text: (one) => one.data_source },
  { title: 'State', make: () => pill('', 'quiet'), set: (cell, one) => setPill(cell, ...stateOf(one)) },
  { title: 'Rows', number: true, wide: true, text: (one) => number(one.rows) },
  { title: 'Open', number: true, text: (one) => number(one.open) },
  { title: 'Held', number: true, text: (one) => number(one.held) },
  { title: 'Dropped', number: true, wide: true, text: (one) => number(one.dropped) },
  { title: 'Refused', number: true, wide: true, text: (one) => number(one.refused) },
  { title: 'Read', number: true, wide: true, text: (one) => (one.read_ms ? `${age(one.read_ms)} ago` : NONE) },
  { title: 'Note', wide: true, text: (one) => one.trouble ?? (one.suspended_ms ? `for ${age(one.suspended_ms)}` : '') },
];

const TAKES = {
  theirs: 'What it has counts, and what is new there is inserted elsewhere, too.',
  ours: 'What the hub knew is given back to it.',
  newest: 'Of what differs the later one counts, by the column that says when a row was changed.',
};

function resumeButton(hub, member, take, done) {
  const name = member ? member.data_source : hub.storage;
  const body = { data_source: member?.data_source ?? '', take: take ?? '' };
  return el('button', { type: 'button', class: take ? null : 'main', onclick: () => ask({
    title: take ? `Resume ${name}, taking ${take}?` : `Resume ${name}?`,
    words: [take ? TAKES[take] : 'What differs is news, what is missing is gone, what is new stays there alone.', 'This would be written:'],
    yes: 'Resume', danger: true,
    count: () => post(hubPath(hub.storage, 'resume'), { ...body, dry_run: true }),
    async act() {
      const { resumed } = await post(hubPath(hub.storage, 'resume'), body);
      done(resumed.length ? `${resumed.join(', ')}: resumed` : 'nothing was suspended');
    },
  }) }, take ? `Take ${take} …` : 'Resume …');
}

/** What somebody has to decide, each with its buttons. */
function decisions(hub, isOperator, done) {
  const lines = [];
  const line = (words, buttons) => lines.push(el('li', {}, el('p', {}, words), isOperator && el('div', { class: 'buttons' }, buttons)));
  const restored = hub.members.filter((member) => member.suspended_ms && member.source_restored);
  for (const member of restored) {
    line(`The source of ${member.data_source} was restored: what counts?`, Object.keys(TAKES).map((take) => resumeButton(hub, member, take, done)));
  }
  const suspended = hub.members.filter((member) => member.suspended_ms && !member.source_restored);
  if (suspended.length > 0) {
    line(`${suspended.map((member) => member.data_source).join(', ')}: suspended, since a mirror or the hub was restored.`,
      restored.length === 0 ? [resumeButton(hub, null, null, done)] : []);
  }
  const held = hub.members.reduce((sum, member) => sum + member.held, 0);
  if (held > 0) {
    const decide = (act, words) => async () => {
      const { deliveries } = await post(hubPath(hub.storage, act), {});
      done(`${counted(deliveries, 'delivery', 'deliveries')} ${words}`);
    };
    line(`${counted(held, 'delivery waits', 'deliveries wait')} for a decision.`, [
      el('button', { type: 'button', onclick: () => ask({
        title: `Roll back what ${hub.storage} holds?`, words: ['None of it is handed out until its content changes.'], yes: 'Roll back', act: decide('rollback', 'dropped'),
      }) }, 'Roll back …'),
      el('button', { type: 'button', class: 'danger', onclick: () => ask({
        title: `Commit what ${hub.storage} holds?`, words: [`${counted(held, 'delivery', 'deliveries')}: each system gets its own behind its source's next cycle.`],
        danger: true, yes: 'Commit', act: decide('commit', 'handed out'),
      }) }, 'Commit …')]);
  }
  return lines.length > 0 ? el('ul', { class: 'waits' }, lines) : el('p', { class: 'quiet' }, 'Nothing waits for anybody.');
}

function thawButton(storage, goldenId, done) {
  return el('button', { type: 'button', onclick: () => ask({
    title: goldenId ? 'Thaw this record?' : `Thaw all of ${storage}?`,
    words: ['What was frozen, since systems changed it back and forth, is delivered again. If they go on, it is frozen again.'], yes: 'Thaw',
    async act() {
      const { records } = await post(hubPath(storage, 'thaw'), { golden_id: goldenId });
      done(`${counted(records, 'record')} thawed`);
    },
  }) }, goldenId ? 'Thaw …' : 'Thaw all …');
}

/** A plain table of texts. */
function listing(caption, titles, rows) {
  return el('div', { class: 'scroll', role: 'region', 'aria-label': caption, tabindex: 0 },
    el('table', {}, el('caption', {}, caption), el('thead', {}, el('tr', {}, titles.map((title) => el('th', { scope: 'col' }, title)))),
      el('tbody', {}, rows.map((cells) => el('tr', {}, cells.map((cell) => el('td', {}, cell)))))));
}

function golden(storage, record, done) {
  const key = (value) => (value === null ? NONE : JSON.stringify(value));
  return [
    el('h3', {}, `${record.entity} `, el('code', {}, record.golden_id)),
    listing('Rows', ['Data source', 'Table', 'Key', 'Found by', 'News'], record.members.map((row) => [row.data_source, row.table, key(row.key), row.joined_by, time(row.touched_ms)])),
    listing('Values', ['Attribute', 'Value', 'Given by', 'As of', 'State'], record.attributes.map((one) => [one.name, key(one.value), one.data_source ?? NONE, one.version_ms ? time(one.version_ms) : NONE, one.frozen ? 'frozen' : ''])),
    record.deliveries.length > 0 && listing('Deliveries', ['To', 'Table', 'Operation', 'Key', 'State', 'Columns'], record.deliveries.map((one) => [one.data_source, one.table, one.operation, key(one.key), one.state, one.columns.join(', ')])),
    record.attributes.some((one) => one.frozen) && el('div', { class: 'buttons' }, thawButton(storage, record.golden_id, done)),
  ];
}

/** Asks for one record: values of rows, whose reading the server notes. */
function explain(hub, done) {
  const id = el('input', { type: 'text', id: `id-${hub.storage}`, autocomplete: 'off', spellcheck: 'false', required: true });
  const shown = el('div', { role: 'status' });
  const show = async (goldenId) => {
    try {
      const record = await get(`${hubPath(hub.storage, 'golden')}?${new URLSearchParams({ id: goldenId })}`);
      shown.replaceChildren(...golden(hub.storage, record, done).filter(Boolean));
    } catch (error) {
      shown.replaceChildren(problem(error.message));
    }
  };
  const form = el('form', { class: 'tools', onsubmit: (event) => {
    event.preventDefault();
    show(id.value.trim());
  } }, el('p', { class: 'field inline' }, el('label', { for: id.id }, 'Golden id'), id), el('button', { type: 'submit' }, 'Explain'));
  return { form, shown, show };
}

function duplicates(hub, show) {
  const shown = el('div', { role: 'status' });
  const name = (id) => (show ? el('button', { type: 'button', class: 'plain', onclick: () => show(id) }, id) : el('code', {}, id));
  const look = async () => {
    try {
      const found = (await get(hubPath(hub.storage, 'duplicates'))).duplicates;
      shown.replaceChildren(found.length === 0 ? empty('No duplicates are known.')
        : listing('Duplicates', ['Entity', 'What', 'Records'], found.map((one) => [one.entity,
          one.golden_ids.length > 1 ? 'apart: they share a match key' : `within: ${counted(one.rows, 'row')} of ${one.data_source}`, one.golden_ids.map(name)])));
    } catch (error) {
      shown.replaceChildren(problem(error.message));
    }
  };
  return [el('button', { type: 'button', onclick: look }, 'Show duplicates'), shown];
}

function hubCard(hub, isOperator, done) {
  const table = new Table({ caption: `Members of ${hub.storage}`, columns: members, key: (one) => one.data_source });
  table.set(hub.members);
  const one = isOperator ? explain(hub, done) : null;
  const [button, found] = duplicates(hub, one?.show);
  return el('section', { class: 'card' }, el('h2', {}, hub.storage),
    el('p', { class: 'quiet facts' }, counted(hub.records, 'golden record'), hub.holds_all ? ', and all that is new is held' : ''),
    decisions(hub, isOperator, done), table.element,
    el('div', { class: 'tools' }, button, isOperator && thawButton(hub.storage, '', done)), found, one?.form, one?.shown);
}

export default function hubs(main, { about, announce }) {
  const trouble = el('div', {});
  const shown = el('div', { 'aria-busy': 'true' });
  const stop = new AbortController();
  main.append(el('div', { class: 'head' }, el('h1', { tabindex: -1 }, 'Hubs')), trouble, shown);
  const load = async () => {
    try {
      const answer = await get('/api/hubs', stop.signal);
      trouble.replaceChildren();
      shown.replaceChildren(...(answer.hubs.length === 0
        ? [el('section', { class: 'card' }, empty('There is no hub.', 'Each [[hub]] in mirror-server.toml makes one; mirrorctl hub init prints a first one.'))]
        : answer.hubs.map((hub) => hubCard(hub, about.operator, (words) => {
          announce(words);
          load();
        }))));
    } catch (error) {
      if (!stop.signal.aborted) trouble.replaceChildren(problem(error.message));
    }
    shown.removeAttribute('aria-busy');
  };
  load();
  return () => stop.abort();
}
