// What an operator may do with a tenant: a question each, and what the server says to it.

import { post, tenantPath } from './api.js';
import { ask } from './dialog.js';
import { el } from './dom.js';
import { counted, number } from './text.js';

/** Buttons for the tenant as a whole. `done(words)` hears what was done. */
export function tenantButtons(id, tenant, done) {
  const act = (name, words) => async ({ typed, text, expect }) => {
    await post(tenantPath(id, name), { confirm: typed ?? '', reason: text, all: name === 'invalidate', expect });
    done(words);
  };
  const button = (words, question, kind) => el('button', { type: 'button', class: kind, onclick: () => ask(question) }, words);
  if (tenant.door === 'records') return [recordsButton(id, tenant, button, act)];
  const pause = button('Pause …', {
    title: `Pause ${id}?`, words: ['The running cycle ends, and the source is told not to replicate until somebody resumes it.'],
    text: { label: 'Reason', hint: 'The source is told this. May be empty.' }, yes: 'Pause', act: act('pause', `${id} is paused`),
  });
  const resume = button('Resume …', {
    title: `Resume ${id}?`, words: ['The source\'s next cycle continues where the last one ended.'], yes: 'Resume', act: act('resume', `${id} is resumed`),
  }, 'main');
  const verify = button('Verify …', {
    title: `Verify ${id}?`, words: ['In its next cycle the source compares all tables with the mirror by digests. Both may be in use meanwhile.'],
    yes: 'Verify', act: act('verify', `${id} will be compared in its next cycle`),
  });
  const invalidate = button('Invalidate …', {
    title: `Invalidate all tables of ${id}?`, words: ['Their LSN becomes -1 and the running cycle ends: the next one sends all rows again. Readers keep the present rows until then.'],
    typed: id, danger: true, yes: 'Invalidate', count: () => post(tenantPath(id, 'invalidate'), { all: true, dry_run: true }),
    act: act('invalidate', `all tables of ${id} will be populated again`),
  }, 'danger');
  return [tenant.paused ? resume : pause, verify, invalidate];
}

/** Of a tenant whose rows come over HTTP: nothing is about cycles. */
function recordsButton(id, tenant, button, act) {
  if (tenant.paused) {
    return button('Resume …', {
      title: `Resume ${id}?`, words: ['Records are accepted again.'], yes: 'Resume', act: act('resume', `${id} is resumed`),
    }, 'main');
  }
  return button('Pause …', {
    title: `Pause ${id}?`, words: ['Writes over HTTP are refused until somebody resumes it. Reads continue.'],
    text: { label: 'Reason', hint: 'Programs that write are told this. May be empty.' }, yes: 'Pause', act: act('pause', `${id} is paused`),
  });
}

/** Of one table. */
export function invalidateTable(id, table, done) {
  ask({
    title: `Invalidate ${table}?`, words: ['Its LSN becomes -1 and the running cycle ends: the next one sends all of its rows again.'],
    typed: id, danger: true, yes: 'Invalidate',
    count: () => post(tenantPath(id, 'invalidate'), { tables: [table], dry_run: true }),
    async act({ typed, expect }) {
      await post(tenantPath(id, 'invalidate'), { confirm: typed, tables: [table], expect });
      done(`${table} will be populated again`);
    },
  });
}

function meaning(hold) {
  const of = `${number(hold.rows)} of ${counted(hold.rows_before, 'row')}`;
  if (hold.kind === 'deletes') return `${of} would be deleted`;
  if (hold.kind === 'population') return `${of} would be missing after the population`;
  if (hold.kind === 'tables') return `${counted(hold.tables.length, 'table')} with ${counted(hold.rows, 'row')} would be dropped: ${hold.tables.join(', ')}`;
  return 'another source database announced itself';
}

/** What a hold means and, for who may, the buttons that decide it. `showKeys` asks for the rows' keys: values, whose
    reading the server notes. */
export function holdParts(id, hold, isOperator, done, showKeys) {
  const number_ = hold.hold.slice(hold.hold.lastIndexOf(':') + 1);
  const decide = (name, words) => async ({ expect }) => {
    await post(tenantPath(id, 'holds', number_, name), { expect });
    done(words);
  };
  const what = hold.table || (hold.kind === 'tables' ? 'Tables' : 'Source');
  const waits = hold.state === 'waiting';
  const buttons = [];
  if (isOperator && waits && hold.kind === 'source') {
    buttons.push(el('button', { type: 'button', class: 'danger', onclick: () => ask({
      title: 'Accept the other source?', words: ['From its next cycle on, the other database counts as the source, and rows that it does not have are removed.'],
      typed: id, danger: true, yes: 'Accept source',
      count: () => post(tenantPath(id, 'accept'), { dry_run: true }),
      async act({ typed, expect }) {
        await post(tenantPath(id, 'accept'), { confirm: typed, expect });
        done('the other source is accepted');
      },
    }) }, 'Accept source …'));
  } else if (isOperator && waits) {
    buttons.push(el('button', { type: 'button', onclick: () => ask({
      title: `Roll back: ${what}`, words: [`${meaning(hold)}. This stays refused until the source asks for less.`], yes: 'Roll back',
      act: decide('rollback', `${what}: rolled back`),
    }) }, 'Roll back …'));
    buttons.push(el('button', { type: 'button', class: 'danger', onclick: () => ask({
      title: `Commit: ${what}`, words: [`${meaning(hold)}. This is allowed once, up to these counts plus 10 %, in the source's next cycle.`],
      danger: true, yes: 'Commit', count: () => post(tenantPath(id, 'holds', number_, 'commit'), { dry_run: true }),
      act: decide('commit', `${what}: committed, and done in the next cycle`),
    }) }, 'Commit …'));
  }
  if (isOperator && hold.table && hold.keys.length === 0) {
    buttons.push(el('button', { type: 'button', class: 'plain', onclick: showKeys }, 'Show keys'));
  }
  return { what, meaning: meaning(hold), buttons };
}
