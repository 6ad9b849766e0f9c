// Questions before something is done.

import { el, newId, setText } from './dom.js';
import { counted, number } from './text.js';

/** What one line of a dry run says. */
function consequence(one) {
  const parts = [];
  const add = (count, words) => { if (count > 0) parts.push(words); };
  add(one.rows, counted(one.rows, 'row'));
  add(one.partner_rows, `${counted(one.partner_rows, 'row')} that the source does not have`);
  add(one.versions, counted(one.versions, 'former version'));
  add(one.entries, `journal entries: ${number(one.entries)}`);
  add(one.rows_to_send, `${counted(one.rows_to_send, 'row')} to be sent again`);
  return [...parts, ...one.objects].join(', ') || 'nothing';
}

/** The most tables that a question lists. */
const LISTED = 12;

function consequences(shown) {
  const listed = shown.tables.slice(0, LISTED);
  const more = shown.tables.length - listed.length;
  return [
    el('ul', {}, ...listed.map((one) => el('li', {}, el('strong', {}, one.table || 'No table'), ': ', consequence(one))),
      more > 0 && el('li', {}, `and ${counted(more, 'more table')}`)),
    ...shown.notes.map((note) => el('p', { class: 'quiet' }, note)),
  ];
}

/** Asks, and does `act({typed, text, expect})` behind "yes". `typed`: what has to be typed first. `text`: {label, hint}
    of a line that may be filled in. `count`: asks for a dry run, which is shown first, and whose token is `expect`. What
    `act` throws is shown, and the question stays. */
export function ask({ title, words, yes, danger = false, typed = null, text = null, count = null, act }) {
  const heading = newId('question');
  const field = newId('typed');
  const line = newId('line');
  const trouble = el('p', { class: 'banner bad', role: 'alert', hidden: true });
  const confirm = typed === null ? null : el('input', { id: field, type: 'text', autocomplete: 'off', spellcheck: 'false' });
  const input = text === null ? null : el('input', { id: line, type: 'text', autocomplete: 'off', maxlength: 300 });
  const go = el('button', { type: 'submit', class: danger ? 'danger' : 'main', disabled: typed !== null || count !== null }, yes);
  const cancel = el('button', { type: 'button' }, 'Cancel');
  const counts = count === null ? null : el('div', { class: 'counts', role: 'status' }, 'Counting …');
  let expect = '';
  let waits = count !== null;
  const allow = () => { go.disabled = waits || (confirm !== null && confirm.value !== typed); };
  const look = async () => {
    try {
      const shown = await count();
      expect = shown.token;
      counts.replaceChildren(...consequences(shown));
    } catch (error) {
      // A damaged mirror, or a server of before: whoever asks decides without.
      expect = '';
      setText(counts, `This cannot be counted: ${error.message}`);
    }
    waits = false;
    allow();
  };
  const form = el('form', { method: 'dialog' },
    el('h2', { id: heading }, title),
    ...words.map((sentence) => el('p', {}, sentence)),
    counts,
    input && el('p', { class: 'field' }, el('label', { for: line }, text.label), input,
      el('span', { class: 'quiet' }, text.hint)),
    confirm && el('p', { class: 'field' },
      el('label', { for: field }, 'Type ', el('code', {}, typed), ' to confirm'), confirm),
    trouble,
    el('div', { class: 'buttons' }, cancel, go));
  const dialog = el('dialog', { 'aria-labelledby': heading }, form);
  confirm?.addEventListener('input', allow);
  cancel.addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => dialog.remove());
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (waits || (confirm && confirm.value !== typed)) return;
    go.disabled = true;
    form.setAttribute('aria-busy', 'true');
    try {
      await act({ typed: confirm?.value, text: input?.value ?? '', expect });
      dialog.close();
    } catch (error) {
      setText(trouble, error.message);
      trouble.hidden = false;
      go.disabled = false;
      form.removeAttribute('aria-busy');
      // It may be what has changed since.
      if (count !== null) await look();
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  (confirm ?? input ?? cancel).focus();
  if (count !== null) look();
}
