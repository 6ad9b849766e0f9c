// The servers that have these mirrors.

import { get } from './api.js';
import { el, empty, pill, problem, setPill } from './dom.js';
import { Table } from './table.js';
import { NONE, span, time } from './text.js';

const SILENT_MS = 15000;

const columns = [
  { title: 'Server', head: true, class: 'named', text: (server) => `${server.host}${server.here ? ' (answers here)' : ''}` },
  { title: 'State', make: () => pill('', 'quiet'), set(cell, server) {
    const silent = server.silent_ms >= SILENT_MS;
    setPill(cell, silent ? `silent for ${span(server.silent_ms)}` : 'running', silent ? 'bad' : 'good');
  } },
  { title: 'For sources', text: (server) => server.address },
  { title: 'For operators', wide: true, text: (server) => server.admin_address },
  { title: 'Version', wide: true, text: (server) => server.version },
  { title: 'Started', wide: true, class: 'time', text: (server) => time(server.started_ms) },
  { title: 'Clock ahead', number: true, wide: true, text: (server) => `${server.clock_ahead_ms} ms` },
  { title: 'Duties', wide: true, text: (server) => server.duties.join(', ') || NONE },
];

export default function servers(main) {
  const shown = el('div', { 'aria-busy': 'true' });
  main.append(el('div', { class: 'head' }, el('h1', { tabindex: -1 }, 'Servers')), el('div', { class: 'card' }, shown));
  const table = new Table({ caption: 'Servers that share these mirrors', columns, key: (server) => server.address, none: empty('No server reports that it runs.') });
  const stop = new AbortController();
  // Once: the server notes in its audit log that somebody asked.
  get('/api/servers', stop.signal).then((answer) => {
    table.set(answer.servers);
    shown.replaceChildren(table.element);
  }).catch((error) => {
    if (!stop.signal.aborted) shown.replaceChildren(problem(error.message));
  }).finally(() => shown.removeAttribute('aria-busy'));
  return () => stop.abort();
}
