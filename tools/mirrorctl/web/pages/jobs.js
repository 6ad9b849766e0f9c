// Import jobs, the newest first, as they go on.

import { get } from './api.js';
import { el, empty, pill, problem, setPill, setText } from './dom.js';
import { doorNote } from './storages.js';
import { Table } from './table.js';
import { age, NONE, number, span, time, tone } from './text.js';

// Of the page, while a job of it runs, and while none does.
const SOON_MS = 2000;
const LATER_MS = 10000;
const STATES = [['', 'all'], ['SCHEDULED', 'scheduled'], ['RUNNING', 'running'], ['FINISHED', 'finished'],
  ['COULDNT_START', "couldn't start"], ['DIED', 'died']];

export function isOver(job) {
  return job.state !== 'SCHEDULED' && job.state !== 'RUNNING';
}

function setState(cell, job) {
  const [, word] = STATES.find(([state]) => state === job.state) ?? ['', job.state];
  const lost = job.state === 'FINISHED' && job.failed > 0;
  setPill(cell, lost ? `${word}, ${number(job.failed)} failed` : word, lost ? 'warn' : tone(word));
}

/** What has to be read of a job, where there is no room for a column of it. */
function reason(job) {
  return isOver(job) && (job.state !== 'FINISHED' || job.failed > 0) ? job.message : '';
}

function setProgress(cell, job) {
  const [bar, words] = cell.children;
  bar.hidden = job.state !== 'RUNNING';
  bar.value = job.progress;
  setText(words, job.state === 'SCHEDULED' ? 'waits' : `${job.progress} %`);
}

function took(job) {
  if (job.state === 'SCHEDULED') return NONE;
  return span((isOver(job) ? job.modified_ms : Date.now()) - job.created_ms);
}

/** Of a list of jobs; `named`: they are of several data sources. */
export function jobColumns(named) {
  const source = {
    title: 'Data source', head: true, class: 'named job',
    make: () => el('span', {}, el('a', { href: '/' }), el('span', { class: 'note' }), el('span', { class: 'little why' })),
    set(cell, job) {
      const [link, id, why] = cell.children;
      link.setAttribute('href', `/tenants/${encodeURIComponent(job.context_id)}`);
      setText(link, `${job.storage} / ${job.data_source}`);
      setText(id, job.id);
      setText(why, reason(job));
    },
  };
  const id = {
    title: 'Job', head: true, class: 'named job',
    make: () => el('span', {}, el('span'), el('span', { class: 'little why' })),
    set(cell, job) {
      setText(cell.children[0], job.id);
      setText(cell.children[1], reason(job));
    },
  };
  return [
    named ? source : id,
    { title: 'State', make: () => pill('', 'quiet'), set: setState },
    { title: 'Progress', make: () => el('span', { class: 'cycle' }, el('progress', { max: 100, 'aria-label': 'Progress of the job' }), el('span')), set: setProgress },
    { title: 'Inserts', number: true, wide: true, text: (job) => number(job.inserts) },
    { title: 'Updates', number: true, wide: true, text: (job) => number(job.updates) },
    { title: 'Failed', number: true, wide: true, text: (job) => number(job.failed) },
    { title: 'Begun', wide: true, class: 'time', text: (job) => time(job.created_ms) },
    { title: 'Took', number: true, wide: true, text: took },
    { title: 'Result', wide: true, class: 'long', text: (job) => job.message || (isOver(job) ? NONE : `by the key ${job.api_key}, ${age(job.created_ms)} ago`) },
  ];
}

export default function jobs(main, { announce }) {
  const asked = new URLSearchParams(location.search);
  const storage = el('input', { id: 'storage', type: 'text', placeholder: 'id of a storage', autocomplete: 'off', spellcheck: 'false', value: asked.get('storage') ?? '' });
  const state = el('select', { id: 'state' }, STATES.map(([value, words]) => el('option', { value }, words)));
  const trouble = el('div', {});
  const note = el('p', { class: 'quiet facts' });
  const more = el('button', { type: 'button', hidden: true }, 'Older jobs');
  const table = new Table({ caption: 'Import jobs, the newest first', columns: jobColumns(true), key: (job) => job.id, none: el('div', { hidden: true }) });
  const stop = new AbortController();
  // The first page, which is asked for again and again, and those behind it.
  let first = [];
  let older = [];
  let next = '';
  let timer = null;
  let running = null;

  const query = (page) => {
    const words = new URLSearchParams({ storage: storage.value.trim(), page });
    if (state.value) words.append('state', state.value);
    return `/api/jobs?${words}`;
  };
  const draw = () => {
    const known = new Set(first.map((job) => job.id));
    const all = [...first, ...older.filter((job) => !known.has(job.id))];
    table.set(all);
    const filtered = storage.value.trim() !== '' || state.value !== '';
    const words = filtered ? empty('No import job.') : empty('No file was imported yet.', 'POST /jobs/importjobs accepts one, and its job is shown here.');
    if (table.none.textContent !== words.textContent) table.none.replaceChildren(words);
    more.hidden = next === '';
    const now = all.filter((job) => !isOver(job)).length;
    if (running !== null && now < running) announce(now === 0 ? 'No import runs any more' : `${number(now)} imports left`);
    running = now;
  };
  async function load() {
    clearTimeout(timer);
    try {
      const answer = await get(query(''), stop.signal);
      first = answer.jobs;
      if (older.length === 0) next = answer.next;
      note.replaceChildren(...doorNote(answer.http_url));
      trouble.replaceChildren();
      draw();
    } catch (error) {
      if (stop.signal.aborted) return;
      // Half a name is no storage yet.
      const none = error.status === 404 && storage.value.trim() !== '';
      trouble.replaceChildren(...(none ? [] : [problem(error.message)]));
      if (none) {
        first = [];
        next = '';
        draw();
      }
    }
    main.removeAttribute('aria-busy');
    const soon = first.some((job) => !isOver(job));
    // A tab that nobody sees asks for nothing.
    if (document.visibilityState === 'visible') timer = setTimeout(load, soon ? SOON_MS : LATER_MS);
  }
  more.addEventListener('click', async () => {
    more.disabled = true;
    try {
      const answer = await get(query(next), stop.signal);
      older = [...older, ...answer.jobs];
      next = answer.next;
      draw();
    } catch (error) {
      if (!stop.signal.aborted) trouble.replaceChildren(problem(error.message));
    }
    more.disabled = false;
  });
  let due = null;
  for (const field of [storage, state]) {
    field.addEventListener('input', () => {
      clearTimeout(due);
      due = setTimeout(() => {
        older = [];
        running = null;
        load();
      }, 300);
    });
  }
  const seen = () => document.visibilityState === 'visible' && load();
  document.addEventListener('visibilitychange', seen);
  const field = (input, words) => el('p', { class: 'field inline' }, el('label', { for: input.id }, words), input);
  main.append(el('div', { class: 'head' }, el('div', {}, el('h1', { tabindex: -1 }, 'Imports'), note)), trouble,
    el('div', { class: 'card' }, el('div', { class: 'tools' }, field(storage, 'Storage'), field(state, 'State')),
      table.element, el('div', { class: 'more' }, more)));
  main.setAttribute('aria-busy', 'true');
  load();
  return () => {
    stop.abort();
    clearTimeout(timer);
    clearTimeout(due);
    document.removeEventListener('visibilitychange', seen);
  };
}
