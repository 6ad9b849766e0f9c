// Numbers, ages and states, as people read them.

const whole = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const SPANS = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];

export const NONE = '–';

export function number(value) {
  return value === undefined || value === null || value < 0 ? NONE : whole.format(value);
}

/** For an axis or a figure that has little room. */
export function brief(value) {
  return value < 10000 ? whole.format(value < 100 ? Math.round(value * 10) / 10 : Math.round(value)) : short.format(value);
}

export function counted(count, one, more = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : more}`;
}

/** Milliseconds as "35 s", "12 min", "3 h", "4 d". */
export function span(ms) {
  if (ms < 1000 && ms > 0) return `${Math.round(ms)} ms`;
  const seconds = Math.max(0, Math.round(ms / 1000));
  const [size, unit] = SPANS.find(([least]) => seconds >= least * (least === 1 ? 0 : 1)) ?? SPANS[3];
  const value = seconds / size;
  return `${size > 60 && value < 10 ? Math.round(value * 10) / 10 : Math.round(value)} ${unit}`;
}

/** How old something is; 0: it never was. */
export function age(thenMs, nowMs = Date.now()) {
  return thenMs ? span(nowMs - thenMs) : NONE;
}

export function bytes(value) {
  if (!value) return NONE;
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let size = value;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${size < 10 && unit > 0 ? Math.round(size * 10) / 10 : Math.round(size)} ${units[unit]}`;
}

const two = (part) => String(part).padStart(2, '0');

/** "2026-11-26 12:04:49", by this machine's clock and zone. */
export function time(ms) {
  if (!ms) return NONE;
  const at = new Date(ms);
  return `${day(ms)} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** Of the times that are shown: "UTC+01:00, Europe/Berlin". */
export function zone() {
  const east = -new Date().getTimezoneOffset();
  const offset = `${east < 0 ? '-' : '+'}${two(Math.floor(Math.abs(east) / 60))}:${two(Math.abs(east) % 60)}`;
  const name = new Intl.DateTimeFormat('en').resolvedOptions().timeZone;
  return name === 'UTC' ? 'UTC' : `UTC${offset}, ${name}`;
}

export function day(ms) {
  if (!ms) return NONE;
  const at = new Date(ms);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

export function clock(ms) {
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}`;
}

const TONES = {
  damaged: 'bad', failing: 'bad', error: 'bad', failed: 'bad', expired: 'bad',
  held: 'warn', differs: 'warn', unsent: 'warn', late: 'warn', incomplete: 'warn', warning: 'warn', interrupted: 'warn',
  unpopulated: 'warn', repopulate: 'warn', stopped: 'warn', waiting: 'warn', 'not yet valid': 'warn',
  active: 'info', running: 'info', populating: 'info', commit: 'info',
  died: 'bad', "couldn't start": 'bad', finished: 'good',
  good: 'good', mirrored: 'good', completed: 'good', equal: 'good', valid: 'good', OK: 'good',
};

/** Of a state's word; one that is not known is shown without a colour of its own. */
export function tone(word) {
  return TONES[word] ?? 'quiet';
}

// The worst first, as the server orders them.
export const STATES = ['damaged', 'failing', 'held', 'differs', 'unsent', 'late', 'incomplete', 'unknown', 'paused', 'deleted',
  'active', 'good'];
