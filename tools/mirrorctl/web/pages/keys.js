// Keys and certificates, and when they end.

import { get } from './api.js';
import { el, empty, pill, problem, setPill, setText } from './dom.js';
import { Table } from './table.js';
import { doorNote } from './storages.js';
import { age, day, NONE, tone } from './text.js';

const SOON_DAYS = 30;
const DAY_MS = 86400000;

function stateOf(endMs, word = 'valid') {
  const days = Math.floor((endMs - Date.now()) / DAY_MS);
  if (!endMs) return { word, tone: tone(word), left: NONE };
  if (days < 0) return { word: 'expired', tone: 'bad', left: 'over' };
  if (word !== 'valid') return { word, tone: tone(word), left: `${days} d` };
  if (days < SOON_DAYS) return { word: 'ends soon', tone: 'warn', left: `${days} d` };
  return { word, tone: 'good', left: `${days} d` };
}

const state = (of) => ({
  title: 'State', make: () => pill('', 'quiet'),
  set(cell, key) {
    const now = stateOf(key.not_after_ms, of(key));
    setPill(cell, now.word, now.tone);
  },
});
const ends = { title: 'Ends', of: (key) => key.not_after_ms ?? Infinity, first: 'ascending', class: 'time', text: (key) => day(key.not_after_ms) };
const left = { title: 'Left', number: true, text: (key) => stateOf(key.not_after_ms).left };

const keyColumns = [
  { title: 'Key', head: true, class: 'named', of: (key) => key.key_id, text: (key) => key.key_id },
  state((key) => key.state),
  { title: 'Issuer', wide: true, of: (key) => key.issuer, text: (key) => [key.issuer, key.environment].filter(Boolean).join(' · ') },
  { title: 'Algorithm', wide: true, text: (key) => key.algorithm },
  ends, { ...left, wide: true },
  { title: 'SHA-256', wide: true, class: 'print', text: (key) => (key.thumbprint ? `${key.thumbprint.slice(0, 16)}…` : NONE) },
];

const KINDS = {
  source: 'a source\'s key', application: 'the endpoint\'s own key', listener: 'TLS for sources', listener_ca: 'CA for sources',
  http: 'TLS for JSON',
  admin: 'TLS for operators', admin_ca: 'CA for operators',
};

const certificateColumns = [
  { title: 'Used for', head: true, class: 'named', of: (key) => KINDS[key.kind] ?? key.kind, text: (key) => KINDS[key.kind] ?? key.kind },
  state(() => 'valid'), ends, { ...left, wide: true },
  { title: 'File on the server, or key id', wide: true, class: 'long', text: (key) => key.name },
];

const ROLES = { reader: 'reads', writer: 'reads and writes', owner: 'everything' };

const apiColumns = [
  { title: 'Key', head: true, class: 'named', of: (key) => key.name, text: (key) => key.name },
  { title: 'Role', of: (key) => Object.keys(ROLES).indexOf(key.role), make: () => el('span', {}, el('span'), el('span', { class: 'note' })), set(cell, key) {
    setText(cell.children[0], key.role);
    setText(cell.children[1], ROLES[key.role] ?? '');
  } },
  { title: 'Storages', class: 'long', text: (key) => key.storages.join(', ') },
  { title: 'Issued', wide: true, class: 'time', of: (key) => key.issued, text: (key) => key.issued || NONE },
  { title: 'Last used', wide: true, number: true, of: (key) => key.last_used_ms, text: (key) => (key.last_used_ms ? `${age(key.last_used_ms)} ago` : 'not since the server started') },
];

/** Keys of the HTTP door: they have no end. */
function apiKeys(answer) {
  const title = el('h2', {}, 'Keys of the HTTP door');
  if (answer.api_keys_error) return el('section', { class: 'card' }, title, el('div', { class: 'inset' }, problem(answer.api_keys_error)));
  const table = new Table({ caption: 'Keys of the HTTP door', columns: apiColumns, key: (key) => key.name, sort: { column: apiColumns[0], direction: 'ascending' },
    none: empty('There is no key.', el('code', {}, "mirrorctl apikey issue NAME --dir DIR --storages 'Acme*' --role reader")) });
  table.set(answer.api_keys);
  const left = (answer.left_out ?? []).map((words) => el('p', { class: 'banner warn' }, words));
  return el('section', { class: 'card' }, title, el('p', { class: 'quiet inset facts' }, ...doorNote(answer.http_url), answer.http_url ? '. Keys do not expire; removing the file revokes the key.' : null),
    left.length > 0 ? el('div', { class: 'notes inset' }, left) : null, table.element);
}

export default function keys(main) {
  const shown = el('div', { 'aria-busy': 'true' });
  main.append(el('div', { class: 'head' }, el('h1', { tabindex: -1 }, 'Keys')), shown);
  const stop = new AbortController();
  get('/api/keys', stop.signal).then((answer) => {
    const own = new Table({ caption: 'Keys that sign', columns: keyColumns, key: (key) => `${key.issuer} ${key.key_id}`, sort: { column: ends, direction: 'ascending' }, none: empty('There is no key.') });
    const dated = new Table({ caption: 'Everything that expires', columns: certificateColumns, key: (key) => `${key.kind} ${key.name}`, sort: { column: ends, direction: 'ascending' }, none: empty('There is no certificate.') });
    own.set(answer.keys);
    dated.set(answer.dated);
    shown.replaceChildren(el('section', { class: 'card' }, el('h2', {}, 'Keys that sign'), own.element), apiKeys(answer),
      el('section', { class: 'card' }, el('h2', {}, 'Everything that expires, the next one first'), dated.element));
  }).catch((error) => {
    if (!stop.signal.aborted) shown.replaceChildren(problem(error.message));
  }).finally(() => shown.removeAttribute('aria-busy'));
  return () => stop.abort();
}
