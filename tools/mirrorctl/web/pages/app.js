// The frame of all pages: who gets in, which page an address means, what is said beside it.

import { enter } from './api.js';
import audit from './audit.js';
import { el, empty, setText } from './dom.js';
import events from './events.js';
import tableHistory from './history.js';
import hubs from './hubs.js';
import jobs from './jobs.js';
import keys from './keys.js';
import { begin, listen, live } from './live.js';
import servers from './servers.js';
import storages from './storages.js';
import tenant from './tenant.js';
import tenants from './tenants.js';
import { zone } from './text.js';

// In their order. `shown(about)`: whether this server, and whoever asks, has it; a section that is not shown is not there.
const SECTIONS = [
  { path: '/', title: 'Tenants', page: tenants },
  { path: '/storages', title: 'Storages', page: storages },
  { path: '/imports', title: 'Imports', page: jobs },
  { path: '/hubs', title: 'Hubs', page: hubs },
  { path: '/events', title: 'Events', page: events },
  { path: '/audit', title: 'Audit', page: audit },
  { path: '/keys', title: 'Keys', page: keys },
  { path: '/servers', title: 'Servers', page: servers, shown: (about) => about.operator },
];

const main = document.getElementById('main');
const sections = document.getElementById('sections');
const watch = document.getElementById('watch');
const said = document.getElementById('announce');

let about = null;
let leave = null;

function announce(words) {
  // The same words again are said again.
  said.textContent = '';
  setTimeout(() => setText(said, words), 50);
}

function find(path) {
  const section = SECTIONS.find((one) => one.path === path && (one.shown?.(about) ?? true));
  if (section) return { ...section, params: [] };
  const [, id, ofTable] = /^\/tenants\/([^/]+)(\/history)?$/.exec(path) ?? [];
  if (id === undefined) return null;
  const name = decodeURIComponent(id);
  if (ofTable) return { path: '/', title: `History of ${name}`, page: tableHistory, params: [name] };
  return { path: '/', title: name, page: tenant, params: [name] };
}

function nothing(target) {
  target.append(el('div', { class: 'head' }, el('h1', { tabindex: -1 }, 'There is no such page')), el('section', { class: 'card' },
    empty('This address has no page.', el('a', { href: '/' }, 'All tenants'))));
  return () => {};
}

function show(focus) {
  leave?.();
  const found = find(location.pathname) ?? { path: '', title: 'No such page', page: nothing, params: [] };
  main.replaceChildren();
  main.removeAttribute('aria-busy');
  document.title = `${found.title} – Partner Mirror`;
  for (const link of sections.children) {
    const here = link.getAttribute('href') === found.path;
    if (here) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
    // Where they do not all fit.
    if (here) sections.scrollLeft = link.offsetLeft - sections.offsetLeft - (sections.clientWidth - link.offsetWidth) / 2;
  }
  leave = found.page(main, { params: found.params, about, announce });
  if (!focus) return;
  scrollTo(0, 0);
  main.querySelector('h1')?.focus({ preventScroll: true });
}

function follow(event) {
  const link = event.target instanceof Element ? event.target.closest('a[href]') : null;
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const address = link.getAttribute('href');
  if (!address.startsWith('/') || link.target) return;
  event.preventDefault();
  history.pushState(null, '', address);
  show(true);
}

function drawWatch() {
  const words = live.watching ? 'live' : 'not live';
  watch.hidden = false;
  watch.className = `watch ${live.watching ? 'good' : 'bad'}`;
  setText(watch, words);
  watch.title = live.why;
  let banner = document.getElementById('trouble');
  if (live.watching || live.why === '') {
    banner?.remove();
    return;
  }
  if (!banner) {
    banner = el('p', { id: 'trouble', class: 'banner bad', role: 'alert' });
    main.before(banner);
  }
  setText(banner, `What is shown is not live: ${live.why}`);
}

function refuse(error) {
  document.title = 'Not open – Partner Mirror';
  main.replaceChildren(el('section', { class: 'card gate' }, el('h1', { tabindex: -1 }, 'This page is not open here'),
    el('p', {}, error.message),
    el('p', {}, 'Type ', el('code', {}, 'mirrorctl web'), ' in a terminal of this machine and open the address that it prints. The address works only once; further tabs of the same browser get access from the first one.')));
}

try {
  about = await enter();
  for (const section of SECTIONS) {
    if (section.shown?.(about) ?? true) sections.append(el('a', { href: section.path }, section.title));
  }
  document.getElementById('about').append(el('span', {}, `${about.address} · as ${about.operator ? 'operator' : 'viewer'}`), el('span', {}, `Times are ${zone()} · mirrorctl ${about.version}`));
  document.addEventListener('click', follow);
  addEventListener('popstate', () => show(true));
  listen(drawWatch);
  begin();
  show(false);
} catch (error) {
  refuse(error);
}
