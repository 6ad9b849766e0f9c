// Questions before something is done.

import { el, newId, setText } from './dom.js';

/** Asks, and does `act({typed, text})` behind "yes". `typed`: what has to be typed first. `text`: {label, hint} of a
    line that may be filled in. What `act` throws is shown, and the question stays. */
export function ask({ title, words, yes, danger = false, typed = null, text = null, act }) {
  const heading = newId('question');
  const field = newId('typed');
  const line = newId('line');
  const trouble = el('p', { class: 'banner bad', role: 'alert', hidden: true });
  const confirm = typed === null ? null : el('input', { id: field, type: 'text', autocomplete: 'off', spellcheck: 'false' });
  const input = text === null ? null : el('input', { id: line, type: 'text', autocomplete: 'off', maxlength: 300 });
  const go = el('button', { type: 'submit', class: danger ? 'danger' : 'main', disabled: typed !== null }, yes);
  const cancel = el('button', { type: 'button' }, 'Cancel');
  const form = el('form', { method: 'dialog' },
    el('h2', { id: heading }, title),
    ...words.map((sentence) => el('p', {}, sentence)),
    input && el('p', { class: 'field' }, el('label', { for: line }, text.label), input,
      el('span', { class: 'quiet' }, text.hint)),
    confirm && el('p', { class: 'field' },
      el('label', { for: field }, 'Type ', el('code', {}, typed), ' to confirm'), confirm),
    trouble,
    el('div', { class: 'buttons' }, cancel, go));
  const dialog = el('dialog', { 'aria-labelledby': heading }, form);
  confirm?.addEventListener('input', () => { go.disabled = confirm.value !== typed; });
  cancel.addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => dialog.remove());
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (confirm && confirm.value !== typed) return;
    go.disabled = true;
    form.setAttribute('aria-busy', 'true');
    try {
      await act({ typed: confirm?.value, text: input?.value ?? '' });
      dialog.close();
    } catch (error) {
      setText(trouble, error.message);
      trouble.hidden = false;
      go.disabled = false;
      form.removeAttribute('aria-busy');
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  (confirm ?? input ?? cancel).focus();
}
