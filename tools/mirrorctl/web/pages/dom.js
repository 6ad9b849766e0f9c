// Elements are made here and nowhere else, by the DOM's own calls: a text stays a text, whatever stands in it.

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An element; 'onclick' and the like are listeners, children are texts or elements, null is none. */
export function el(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

/** Sets a text only when it is another one, so that nothing is selected or read out anew. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A state, by colour and word. */
export function pill(word, tone) {
  return el('span', { class: `pill ${tone}` }, word);
}

export function setPill(element, word, tone) {
  const wanted = `pill ${tone}`;
  if (element.className !== wanted) element.className = wanted;
  setText(element, word);
}

/** What a list without a line says. */
export function empty(words, more) {
  return el('div', { class: 'empty' }, el('p', {}, words), more ? el('p', { class: 'quiet' }, more) : null);
}

export function problem(words) {
  return el('p', { class: 'banner bad', role: 'alert' }, words);
}

let lastId = 0;
export function newId(stem) {
  lastId += 1;
  return `${stem}-${lastId}`;
}
