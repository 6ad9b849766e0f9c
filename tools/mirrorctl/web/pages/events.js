// What happened: the newest first, as it comes, and older ones when they are asked for.

import { get } from './api.js';
import { el, empty, pill, problem, setPill, setText } from './dom.js';
import { listen, live } from './live.js';
import { Table } from './table.js';
import { NONE, time, tone } from './text.js';

const LEVELS = ['information', 'warning', 'error'];
const PAGE = 500;

function setTenant(link, event) {
  if (event.context_id) link.setAttribute('href', `/tenants/${encodeURIComponent(event.context_id)}`);
  else link.removeAttribute('href');
  setText(link, event.context_id || NONE);
}

const columns = [
  { title: 'Time', head: true, wide: true, class: 'time', text: (event) => time(event.time_ms) },
  { title: 'Severity', wide: true, make: () => pill('', 'quiet'), set: (cell, event) => setPill(cell, event.severity, tone(event.severity)) },
  { title: 'Kind', wide: true, text: (event) => event.kind },
  { title: 'Tenant', wide: true, make: () => el('a', {}), set: setTenant },
  { title: 'What happened', class: 'long', make: () => el('div', {}, el('span', { class: 'little heading' }, pill('', 'quiet'), el('span'), el('span'), el('a', {})), el('span')), set(cell, event) {
    const [little, words] = cell.children;
    const [severity, when, kind, tenant] = little.children;
    setPill(severity, event.severity, tone(event.severity));
    setText(when, time(event.time_ms));
    setText(kind, event.kind);
    setTenant(tenant, event);
    setText(words, event.message);
  } },
];

function matches(pattern, text) {
  if (!pattern) return true;
  const parts = pattern.toLowerCase().split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(text.toLowerCase());
}

export default function events(main) {
  const asked = new URLSearchParams(location.search);
  const severity = el('select', { id: 'severity' }, LEVELS.map((level) => el('option', { value: level, selected: asked.get('severity') === level }, level === 'information' ? 'all' : `${level}${level === 'warning' ? ' and above' : ''}`)));
  const kind = el('input', { id: 'kind', type: 'text', placeholder: 'e.g. cycle.*', autocomplete: 'off', spellcheck: 'false', value: asked.get('kind') ?? '' });
  const tenant = el('input', { id: 'tenant', type: 'text', placeholder: 'context id', autocomplete: 'off', spellcheck: 'false', value: asked.get('tenant') ?? '' });
  const trouble = el('div', {});
  const table = new Table({ caption: 'Events, the newest first', columns, key: (event) => String(event.id), none: el('div', { hidden: true }) });
  const more = el('button', { type: 'button' }, 'Older events');
  let older = [];
  let all = false;

  const draw = () => {
    const level = LEVELS.indexOf(severity.value);
    const wanted = (event) => LEVELS.indexOf(event.severity) >= level && matches(kind.value.trim(), event.kind)
      && (tenant.value.trim() === '' || event.context_id.toLowerCase() === tenant.value.trim().toLowerCase());
    const known = new Map([...older, ...live.events].map((event) => [event.id, event]));
    const rows = [...known.values()].filter(wanted).sort((one, other) => other.id - one.id);
    table.set(rows);
    const words = empty('No event matches.', all ? null : 'There may be older ones.');
    if (table.none.textContent !== words.textContent) table.none.replaceChildren(words);
    more.hidden = all;
  };
  const load = async () => {
    more.disabled = true;
    const query = new URLSearchParams({ severity: severity.value, kind: kind.value.trim(), tenant: tenant.value.trim(), limit: PAGE });
    const filter = query.toString();
    // What came for another filter is of no use: between its events lie some that this one means.
    if (load.filter !== filter) older = [];
    load.filter = filter;
    const first = [...older, ...live.events].reduce((least, event) => Math.min(least, event.id), Infinity);
    if (older.length > 0) query.set('before', first);
    try {
      const answer = await get(`/api/events?${query}`);
      if (load.filter !== filter) return;
      older = [...answer.events, ...older];
      all = answer.events.length < PAGE;
      trouble.replaceChildren();
    } catch (error) {
      trouble.replaceChildren(problem(error.message));
    }
    more.disabled = false;
    draw();
  };
  more.addEventListener('click', load);
  let due = null;
  for (const field of [severity, kind, tenant]) {
    field.addEventListener('input', () => {
      table.page = 0;
      all = false;
      draw();
      clearTimeout(due);
      // Those that are not here yet.
      due = setTimeout(load, 400);
    });
  }
  const field = (input, words) => el('p', { class: 'field inline' }, el('label', { for: input.id }, words), input);
  main.append(el('div', { class: 'head' }, el('h1', { tabindex: -1 }, 'Events')), trouble,
    el('div', { class: 'card' },
      el('div', { class: 'tools' }, field(severity, 'Severity'), field(kind, 'Kind'), field(tenant, 'Tenant')),
      table.element, el('div', { class: 'more' }, more)));
  draw();
  load();
  const end = listen(draw);
  return () => {
    end();
    clearTimeout(due);
  };
}
