// Hubs: how their members stand, what waits for somebody, what is held, records with several rows of one system, and
// one record, which may be merged or parted.

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
  if (member.unknown) return ['not known', 'bad'];
  if (member.suspended_ms) return [member.source_restored ? 'restored' : 'suspended', 'warn'];
  if (member.absent || !member.context_id) return ['absent', 'quiet'];
  if (member.trouble) return ['failing', 'bad'];
  return member.cycle ? ['read', 'good'] : ['unread', 'quiet'];
}

/** What stands behind that, in few words. */
function noteOf(member) {
  const notes = [];
  if (member.trouble) notes.push(member.trouble);
  else if (member.suspended_ms) notes.push(`for ${age(member.suspended_ms)}`);
  if (member.taking) notes.push('accepts no deliveries');
  if (member.refused) notes.push(`${number(member.refused)} refused by its source`);
  return notes.join(', ');
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
  { title: 'Note', wide: true, text: noteOf },
];

const TAKES = {
  theirs: 'Its values win, and its new records are also inserted in the other systems.',
  ours: 'The values of the hub are written back to it.',
  newest: 'Where values differ, the later one wins, by the column that says when a row was changed.',
};

function resumeButton(hub, member, take, done, insert = false) {
  const name = member ? member.data_source : hub.storage;
  const body = { data_source: member?.data_source ?? '', take: take ?? '', insert };
  const asIs = `Differing values count as edited there, missing records are not inserted there again, and new records ${insert ? 'are also inserted in the other systems' : 'stay only there'}.`;
  return el('button', { type: 'button', class: take ? null : 'main', onclick: () => ask({
    title: take ? `Resume ${name}, taking ${take}?` : `Resume ${name}?`,
    words: [take ? TAKES[take] : asIs, 'This would be written:'],
    yes: 'Resume', danger: true,
    count: () => post(hubPath(hub.storage, 'resume'), { ...body, dry_run: true }),
    async act() {
      const { resumed } = await post(hubPath(hub.storage, 'resume'), body);
      done(resumed.length ? `${resumed.join(', ')}: resumed` : 'nothing was suspended');
    },
  }) }, take ? `Take ${take} …` : insert ? 'Resume and insert …' : 'Resume …');
}

function decisionButton(hub, act, look, question, done) {
  return el('button', { type: 'button', class: look, onclick: () => ask({
    ...question, count: () => post(hubPath(hub.storage, act), { dry_run: true }),
    async act() {
      const { deliveries } = await post(hubPath(hub.storage, act), {});
      done(`${counted(deliveries, 'delivery', 'deliveries')} ${act === 'commit' ? 'handed out' : 'dropped'}`);
    },
  }) }, `${question.yes} …`);
}

function commitButton(hub, done) {
  return decisionButton(hub, 'commit', 'danger', {
    title: `Commit what ${hub.storage} holds?`, words: ["Each system gets its deliveries after its source's next cycle:"], danger: true, yes: 'Commit',
  }, done);
}

function rollbackButton(hub, done) {
  return decisionButton(hub, 'rollback', null, {
    title: `Roll back what ${hub.storage} holds?`, words: ['None of it is handed out until its content changes:'], yes: 'Roll back',
  }, done);
}

const MEND_REFUSED = 'Correct in that system what the reason names, or correct the value in the system that it comes from. The source retries each delivery by itself, at growing intervals.';

/** What somebody has to decide, each with its buttons. */
function decisions(hub, isOperator, done) {
  const lines = [];
  // A derivation that lasts no longer is worth no word.
  const behind = hub.behind_since_ms && Date.now() - hub.behind_since_ms > 60000;
  const line = (words, buttons) => lines.push(el('li', {}, el('p', {}, words), isOperator && el('div', { class: 'buttons' }, buttons)));
  if (hub.trouble) line(`${hub.storage} cannot be read: ${hub.trouble}. Until that is corrected, nothing is handed out.`, []);
  else if (hub.failing) line(`${hub.storage} has derived nothing for ${age(hub.failing_since_ms)}: ${hub.failing}. The server retries by itself.`, []);
  else if (behind) line(`${hub.storage} has not yet derived records from what a member completed ${age(hub.behind_since_ms)} ago.`, []);
  const restored = hub.members.filter((member) => member.suspended_ms && member.source_restored);
  for (const member of restored) {
    const takes = Object.keys(TAKES).filter((take) => take !== 'newest' || member.knows_newest);
    line(`The source of ${member.data_source} was restored: which values win?`, takes.map((take) => resumeButton(hub, member, take, done)));
  }
  const suspended = hub.members.filter((member) => member.suspended_ms && !member.source_restored);
  if (suspended.length > 0) {
    const why = suspended.map((member) => member.trouble).find((trouble) => trouble) ?? 'a mirror or the hub was restored';
    line(`${suspended.map((member) => member.data_source).join(', ')}: suspended, because ${why}.`,
      restored.length === 0 ? [resumeButton(hub, null, null, done, true), resumeButton(hub, null, null, done)] : []);
  }
  const held = hub.members.reduce((sum, member) => sum + member.held, 0);
  const anew = `${hub.storage} was rebuilt, or its rules were changed: all new deliveries are held until somebody commits them.`;
  if (held > 0) {
    line(`${counted(held, 'delivery waits', 'deliveries wait')} for a decision.${hub.holds_all ? ` ${anew}` : ''}`, [rollbackButton(hub, done), commitButton(hub, done)]);
  } else if (hub.holds_all) {
    line(`${anew} Nothing is held now.`, suspended.length + restored.length === 0 ? [commitButton(hub, done)] : []);
  }
  for (const member of hub.members.filter((one) => one.refused)) {
    line(`The source of ${member.data_source} refuses ${counted(member.refused, 'delivery', 'deliveries')}. ${MEND_REFUSED}`, []);
  }
  if (hub.frozen_records) {
    const named = hub.frozen.map((one) => `${one.golden_id} (${one.attributes.join(', ')})`);
    line(`Systems overwrite each other's values in ${counted(hub.frozen_records, 'golden record')}; these values are frozen: ${named.join(', ')}${hub.frozen_records > named.length ? ', ...' : ''}. Find the program or the trigger that changes them back, then thaw them.`,
      [thawButton(hub.storage, '', done)]);
  }
  for (const member of hub.members.filter((one) => one.taking)) {
    line(`The source of ${member.data_source} accepts no deliveries, but the configuration has 'write' for it: ${member.taking === 'declines'
      ? "its owner must set 'accept' of its [[source]] and run 'mirror-agent install'" : "its owner must run a 'mirror-agent' that asks for them"}; otherwise remove 'write'.`, []);
  }
  return lines.length > 0 ? el('ul', { class: 'waits' }, lines) : el('p', { class: 'quiet' }, 'Nothing is waiting.');
}

function thawButton(storage, goldenId, done) {
  return el('button', { type: 'button', onclick: () => ask({
    title: goldenId ? 'Thaw this record?' : `Thaw all of ${storage}?`,
    words: ['Values that were frozen because systems changed them back and forth are delivered again. If the systems continue, the values are frozen again. This would be written:'], yes: 'Thaw',
    count: () => post(hubPath(storage, 'thaw'), { golden_id: goldenId, dry_run: true }),
    async act() {
      const { records } = await post(hubPath(storage, 'thaw'), { golden_id: goldenId });
      done(`${counted(records, 'record')} thawed`);
    },
  }) }, goldenId ? 'Thaw …' : 'Thaw all …');
}

function times(count) {
  return count === 1 ? 'once' : `${number(count)} times`;
}

/** A plain table of texts. */
function listing(caption, titles, rows) {
  return el('div', { class: 'scroll', role: 'region', 'aria-label': caption, tabindex: 0 },
    el('table', {}, el('caption', {}, caption), el('thead', {}, el('tr', {}, titles.map((title) => el('th', { scope: 'col' }, title)))),
      el('tbody', {}, rows.map((cells) => el('tr', {}, cells.map((cell) => el('td', {}, cell)))))));
}

function mergeButton(storage, ids, done) {
  return el('button', { type: 'button', onclick: () => ask({
    title: 'Merge these two records?', words: [ids.join(', '), 'They are one record from then on, whatever their keys: the older record gets the rows of both.', 'This would be written:'],
    yes: 'Merge', danger: true,
    count: () => post(hubPath(storage, 'merge'), { golden_id: ids[0], other_id: ids[1], dry_run: true }),
    async act() {
      const merged = await post(hubPath(storage, 'merge'), { golden_id: ids[0], other_id: ids[1] });
      done(`Both are record ${merged.golden_id} now`);
    },
  }) }, 'Merge …');
}

/** Parts the rows that are chosen, and merges with another record. */
function byHand(storage, record, chosen, done) {
  const other = el('input', { type: 'text', id: `merge-${storage}`, autocomplete: 'off', spellcheck: 'false', required: true });
  const leaving = () => ({
    golden_id: record.golden_id, rows: [...chosen].map((row) => ({ data_source: row.data_source, table: row.table, key: row.key_text })),
  });
  const part = el('button', { type: 'button', disabled: true, onclick: () => ask({
    title: `Part ${counted(chosen.size, 'row')} from this record?`, words: ['They become a record of their own, and no key joins the two again.', 'This would be written:'], yes: 'Part', danger: true,
    count: () => post(hubPath(storage, 'part'), { ...leaving(), dry_run: true }),
    async act() {
      const parted = await post(hubPath(storage, 'part'), leaving());
      done(`Parted: the rows are record ${parted.golden_id} now`);
    },
  }) }, 'Part chosen rows …');
  const merge = el('form', { class: 'tools', onsubmit: (event) => {
    event.preventDefault();
    mergeButton(storage, [record.golden_id, other.value.trim()], done).click();
  } }, el('p', { class: 'field inline' }, el('label', { for: other.id }, 'Another golden id'), other), el('button', { type: 'submit' }, 'Merge with it …'));
  return { part, merge };
}

function golden(storage, record, done) {
  const key = (value) => (value === null ? NONE : JSON.stringify(value));
  const chosen = new Set();
  const { part, merge } = byHand(storage, record, chosen, done);
  const choice = (row) => el('input', { type: 'checkbox', 'aria-label': `Part the row ${row.key_text} of ${row.data_source}`, onchange: (event) => {
    if (event.target.checked) chosen.add(row);
    else chosen.delete(row);
    part.disabled = chosen.size === 0 || chosen.size === record.members.length;
  } });
  const several = record.members.length > 1;
  return [
    el('h3', {}, `${record.entity} `, el('code', {}, record.golden_id)),
    listing('Rows', [...(several ? ['Part'] : []), 'Data source', 'Table', 'Key', 'Found by', 'Changed'], record.members.map((row) => [
      ...(several ? [choice(row)] : []), row.data_source, row.table, row.key_text, row.joined_by, time(row.touched_ms)])),
    el('div', { class: 'buttons' }, several && part), merge,
    listing('Values', ['Attribute', 'Value', 'Given by', 'As of', 'State'], record.attributes.map((one) => [one.name, key(one.value), one.data_source ?? NONE, one.version_ms ? time(one.version_ms) : NONE, one.frozen ? 'frozen' : ''])),
    record.deliveries.length > 0 && listing('Deliveries', ['To', 'Table', 'Operation', 'Key', 'State', 'Columns', 'Id'], record.deliveries.map((one) => [one.data_source, one.table, one.operation, key(one.key), one.state, one.columns.join(', '), el('code', {}, one.delivery_id)])),
    record.deliveries.some((one) => one.refusals) && listing('Refused deliveries of this record', ['By', 'How often', 'Next try', 'Why', 'Id'], record.deliveries.filter((one) => one.refusals).map((one) => [one.data_source, times(one.refusals), time(one.tried_again_ms), one.refusal ?? NONE, el('code', {}, one.delivery_id)])),
    record.deliveries.some((one) => one.refusals) && el('p', { class: 'quiet' }, MEND_REFUSED),
    record.attributes.some((one) => one.frozen) && el('div', { class: 'buttons' }, thawButton(storage, record.golden_id, done)),
  ];
}

/** What waits for a decision: which rows it would write, and why it waits. */
const WHY_HELD = { many: 'too many were new at once', unsure: 'a row of its record may be a different one', anew: 'the hub was rebuilt, or its rules changed' };

function heldList(hub, show) {
  const shown = el('div', { role: 'status' });
  const look = async () => {
    try {
      const held = await get(hubPath(hub.storage, 'held'));
      const all = held.changes.reduce((sum, change) => sum + change.deliveries, 0);
      shown.replaceChildren(...(held.first.length === 0 ? [empty('Nothing is held.')] : [
        listing('Held', ['To', 'Table', 'Operation', 'Key', 'Record', 'Why', 'Columns'], held.first.map((one) => [
          one.data_source, one.table, one.operation, one.key === null ? NONE : JSON.stringify(one.key),
          el('button', { type: 'button', class: 'plain', onclick: () => show(one.golden_id) }, one.golden_id), WHY_HELD[one.why] ?? NONE, one.columns.join(', ')])),
        ...(all > held.first.length ? [el('p', { class: 'quiet' }, `These are the oldest of ${number(all)}.`)] : [])]));
    } catch (error) {
      shown.replaceChildren(problem(error.message));
    }
  };
  return [el('button', { type: 'button', onclick: look }, 'Show what is held'), shown];
}

/** What systems refused: which row, how often, why. */
function refusedList(hub, show) {
  const shown = el('div', { role: 'status' });
  const look = async () => {
    try {
      const { deliveries, first } = await get(hubPath(hub.storage, 'refused'));
      shown.replaceChildren(...(first.length === 0 ? [empty('Nothing is refused.')] : [
        listing('Refused', ['By', 'Table', 'Operation', 'Key', 'Record', 'How often', 'Next try', 'Why'], first.map((one) => [
          one.data_source, one.table, one.operation, one.key === null ? NONE : JSON.stringify(one.key),
          el('button', { type: 'button', class: 'plain', onclick: () => show(one.golden_id) }, one.golden_id), times(one.refusals), time(one.tried_again_ms), one.refusal ?? NONE])),
        ...(deliveries > first.length ? [el('p', { class: 'quiet' }, `These are the oldest of ${number(deliveries)}.`)] : [])]));
    } catch (error) {
      shown.replaceChildren(problem(error.message));
    }
  };
  return [el('button', { type: 'button', onclick: look }, 'Show what is refused'), shown];
}

function rebuildButton(storage, done) {
  return el('button', { type: 'button', class: 'danger', onclick: () => ask({
    title: `Rebuild the hub of ${storage}?`,
    words: ['This is as if its file were lost: links that do not come from keys, versions, and what was merged or parted by hand are lost.',
      'All members are suspended until somebody resumes them, and new deliveries are held.'],
    typed: storage, danger: true, yes: 'Rebuild',
    async act({ typed }) {
      const { suspended } = await post(hubPath(storage, 'rebuild'), { confirm: typed });
      done(suspended.length ? `Rebuilt: ${suspended.join(', ')} wait to be resumed` : 'Rebuilt');
    },
  }) }, 'Rebuild …');
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

function duplicates(hub, show, done) {
  const shown = el('div', { role: 'status' });
  const name = (id) => (show ? el('button', { type: 'button', class: 'plain', onclick: () => show(id) }, id) : el('code', {}, id));
  const look = async () => {
    try {
      const found = (await get(hubPath(hub.storage, 'duplicates'))).duplicates;
      shown.replaceChildren(found.length === 0 ? empty('No duplicates are known.')
        : listing('Duplicates', ['Entity', 'What', 'Records'], found.map((one) => [one.entity,
          one.golden_ids.length > 1 ? 'apart: they share a match key' : `within: ${counted(one.rows, 'row')} of ${one.data_source}`,
          [...one.golden_ids.map(name), show && one.golden_ids.length > 1 && mergeButton(hub.storage, one.golden_ids, done)]])));
    } catch (error) {
      shown.replaceChildren(problem(error.message));
    }
  };
  return [el('button', { type: 'button', onclick: look }, 'Show duplicates'), shown];
}

function hubCard(hub, isOperator, done) {
  const table = new Table({ caption: `Members of ${hub.storage}`, columns: members, key: (one) => one.data_source });
  table.set(hub.members.map((member) => ({ ...member, unknown: Boolean(hub.trouble) })));
  const one = isOperator ? explain(hub, done) : null;
  const [button, found] = duplicates(hub, one?.show, done);
  const [heldButton, held] = isOperator ? heldList(hub, one.show) : [];
  const [refusedButton, refused] = isOperator ? refusedList(hub, one.show) : [];
  return el('section', { class: 'card' }, el('h2', {}, hub.storage),
    el('p', { class: 'quiet facts' }, counted(hub.records, 'golden record'), hub.derived_ms ? `, derived ${age(hub.derived_ms)} ago` : '', hub.holds_all ? ', and all new deliveries are held' : ''),
    decisions(hub, isOperator, done), table.element,
    el('div', { class: 'tools' }, button, heldButton, refusedButton, isOperator && thawButton(hub.storage, '', done), isOperator && rebuildButton(hub.storage, done)), found, held, refused, one?.form, one?.shown);
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
