// What is live: one stream of lines while the tab is seen, and what it said last. `mirrorctl web` watches the server
// once for all tabs.

import { ApiError, call } from './api.js';

const EVENTS_MAX = 2000;
const AGAIN_MS = 1000;
// Listeners hear of many lines together.
const TOGETHER_MS = 200;

export const live = {
  tenants: new Map(),
  events: [], // The newest last.
  complete: false,
  watching: false,
  why: '',
};

const listeners = new Set();
let due = null;

function tell() {
  if (due !== null) return;
  due = setTimeout(() => {
    due = null;
    for (const listener of [...listeners]) listener();
  }, TOGETHER_MS);
}

/** Calls `listener` after each change, and gives what ends that. */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function take(line, tenants) {
  for (const tenant of line.tenants ?? []) tenants.set(tenant.context_id, tenant);
  for (const id of line.gone ?? []) tenants.delete(id);
  const last = live.events.at(-1)?.id ?? 0;
  const news = (line.events ?? []).filter((event) => event.id > last);
  if (news.length > 0) live.events = [...live.events, ...news].slice(-EVENTS_MAX);
  // Until all are told again, those of before are shown.
  if (line.complete && live.tenants !== tenants) live.tenants = tenants;
  live.complete ||= Boolean(line.complete);
  const changed = live.watching !== line.watching || live.why !== (line.why ?? '');
  live.watching = line.watching;
  live.why = line.why ?? '';
  return changed || (line.tenants?.length ?? 0) + (line.gone?.length ?? 0) + news.length > 0 || line.complete;
}

async function readLines(signal) {
  const tenants = new Map();
  const answer = await call('/api/live', { signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split('\n');
    rest = lines.pop();
    let changed = false;
    for (const line of lines) changed = take(JSON.parse(line), tenants) || changed;
    if (changed) tell();
  }
}

let stop = null;

async function keepReading() {
  const own = new AbortController();
  stop = () => own.abort();
  while (!own.signal.aborted) {
    try {
      await readLines(own.signal);
    } catch (error) {
      if (own.signal.aborted) return;
      live.watching = false;
      live.why = error instanceof ApiError ? error.message : "The connection to 'mirrorctl web' broke.";
      tell();
      if (error.status === 401) return;
    }
    await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS); });
  }
}

/** A browser has few connections for an address: a tab that nobody sees gives its own back. */
export function begin() {
  const look = () => {
    if (document.visibilityState === 'visible' && stop === null) keepReading();
    if (document.visibilityState === 'hidden' && stop !== null) {
      stop();
      stop = null;
    }
  };
  document.addEventListener('visibilitychange', look);
  addEventListener('pagehide', () => stop?.());
  look();
}
