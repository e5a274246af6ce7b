// BROWSER SCENARIO URL TOPIC PARTITIONS TIMES OTHER: pages that end in every way while they send. Prints
// which records must be in the log, as `LABEL:NUMBER`, and what was said to be unknown without need.
// OTHER is another bridge's address, which knows no lease of the first one's.

import assert from 'node:assert/strict';
import process from 'node:process';

import { Browser, serve, tap, until } from './browser_host.mjs';

const [program, scenario, url, topic, partitions, times, other] = process.argv.slice(2);
const stored = new Map();
const acknowledged = new Map();
const done = new Set();
const connected = new Set();
const unknown = [];
let damage;
let failure;

const { server, address } = await serve((told) => {
  const numbers = stored.get(told.label) ?? [];
  stored.set(told.label, [...numbers, ...told.stored]);
  unknown.push(...told.unknown);
  failure ??= told.error;
  damage ??= told.damaged;
  acknowledged.set(told.label, told.acknowledged);
  if (told.connected) connected.add(told.label);
  if (told.done) done.add(told.label);
});
const browser = new Browser(program);
const FOREVER = 1_000_000;

const page = (label, count, more = {}, file = 'outliving') =>
  `${address}/${file}.html?${new URLSearchParams({ url, topic, partitions, label, count, ...more })}`;
const isDone = (label) => until(`${label} is done`, () => check() && done.has(label));
const hasStored = (label, count) =>
  until(`${label} has stored`, () => check() && (stored.get(label)?.length ?? 0) >= count);

const leave = (tab) => browser.command(tab, 'Page.navigate', { url: `${address}/package.json` });

/** To the page that was left, which the browser has frozen. */
async function comeBack(tab) {
  // While the tab changes its process, it does not say where it was.
  const { currentIndex, entries } = await until('the tab has a history', async () => {
    const history = await browser.command(tab, 'Page.getNavigationHistory');
    return history?.currentIndex > 0 && history;
  });
  await browser.command(tab, 'Page.navigateToHistoryEntry', { entryId: entries[currentIndex - 1].id });
}

function check() {
  if (failure) throw new Error(failure);
  return true;
}

const some = (index) => 20 + ((index * 37) % 60);

const scenarios = {
  /** The whole browser is killed, and started again. */
  async killed() {
    for (let index = 0; index < times; index += 1) {
      await browser.start(page(`k${index}`, FOREVER));
      await hasStored(`k${index}`, some(index));
      await browser.kill();
    }
    await browser.start(page('last', 50));
    await isDone('last');
  },

  /** The tab crashes, or goes somewhere else, or is reloaded, or closed. */
  async left() {
    const ways = [
      (tab) => browser.command(tab, 'Page.crash'),
      (tab) => browser.command(tab, 'Page.navigate', { url: 'about:blank' }),
      (tab) => browser.command(tab, 'Page.reload'),
      () => {},
    ];
    await browser.start('about:blank');
    for (let index = 0; index < times; index += 1) {
      const tab = await browser.open(page(`l${index}`, FOREVER));
      await hasStored(`l${index}`, some(index));
      await ways[index % ways.length](tab);
      await browser.close(tab);
    }
    await browser.open(page('last', 50));
    await isDone('last');
  },

  /** Left at once, with records that linger; then the way back, to a page that was frozen. */
  async back() {
    await browser.start('about:blank');
    const tapped = await tap(url);
    const tab = await browser.open(page('gone', 0, { url: tapped.url }, 'leaving'));
    await until('the page has sent', () => check() && connected.has('gone'));
    await browser.command(tab, 'Page.navigate', { url: 'about:blank' });
    const other = await browser.open(page('back', 0, {}, 'leaving'));
    await until('the page has sent', () => check() && connected.has('back'));
    await leave(other);
    await comeBack(other);
    await isDone('back');
    // The bridge is another origin's: a request that needs leave would be two.
    await until('the page has said its last words', () => tapped.methods.includes('POST'));
    assert.deepEqual(new Set(tapped.methods), new Set(['GET', 'POST']));
    stored.set('gone', Array.from({ length: 31 }, (_, index) => `gone:${index}`));
  },

  /** Tabs that are left before there is a producer: the next page sends what waited in all of them.
   * Who comes back sends only what no other page has taken. */
  async loader() {
    await browser.start('about:blank');
    const tabs = {};
    for (const label of ['kept', 'early', 'other']) {
      tabs[label] = await browser.open(page(label, 0, { flags: 'never' }, 'loading'));
      await until('the page has sent', () => check() && connected.has(label));
    }
    await leave(tabs.kept);
    await comeBack(tabs.kept);
    await isDone('kept');
    assert.equal(stored.get('kept').length, 6);
    await leave(tabs.other);
    await browser.command(tabs.early, 'Page.navigate', { url: page('next', 0, { max: 7 }, 'loading') });
    await isDone('next');
    await comeBack(tabs.other);
    await isDone('other');
    // What was left filled the next page's queue, and was sent from there.
    assert.deepEqual(stored.get('next'), ['next:5']);
    assert.deepEqual(stored.get('other'), ['other:5']);
    for (const label of ['early', 'other']) {
      const left = Array.from({ length: 5 }, (_, index) => `${label}:${index}`);
      stored.set(label, [...left, ...(stored.get(label) ?? [])]);
    }
  },

  /** More pages than a session resumes leases of end before anything they stored is sent. */
  async many() {
    await browser.start('about:blank');
    for (let index = 0; index < times; index += 1) await strand(`m${index}`, 20, 'light');
    await browser.open(page('last', 50));
    await isDone('last');
    assert.equal(acknowledged.get('last'), 20 * times + 50);
  },

  /** The module crashes in a page that stays: what it has stored the next one sends. */
  async trapped() {
    await browser.start('about:blank');
    await browser.open(page('trapped', FOREVER, { flags: 'trap' }));
    await isDone('trapped');
    await browser.open(page('last', 50));
    await isDone('last');
  },

  /** What is stored is not sent before the lease is over: nobody knows, and somebody has to hear it. */
  async expired() {
    await browser.start('about:blank');
    await strand('reported', 40);
    stored.clear();
    const later = (label, more) => page(label, 0, { url: other, ...more });
    for (const [label, heard] of [['unheard', 0], ['heard', 40], ['again', 0]]) {
      await browser.open(later(label, { flags: label }));
      await isDone(label);
      assert.equal(unknown.length, heard, label);
      for (const line of unknown.splice(0)) assert.match(line, / true maybe LEASE_LOST: /);
    }
    await strand('resent', 40);
    await browser.open(later('resends', { policy: JSON.stringify({ onExpiredLease: 'resend' }) }));
    await isDone('resends');
  },

  /** Stored batches that are none any more are reported, and the others go on. */
  async damaged() {
    await browser.start('about:blank');
    await strand('damaged', 300);
    await browser.open(page('damaging', 0, {}, 'damaging'));
    await isDone('damaging');
    const others = stored.get('damaged').filter((value) => value.split(':')[1] % partitions !== 0);
    stored.set('damaged', others);
    await browser.open(page('heard', 10, { config: JSON.stringify({ 'request.timeout.ms': 1000 }) }));
    await isDone('heard');
    const lines = unknown.splice(0);
    for (const line of lines) assert.match(line, / true maybe (INVALID_RECORD|OUT_OF_ORDER_SEQUENCE_NUMBER): /);
    const behind = lines.filter((line) => line.includes('OUT_OF_ORDER')).length;
    const replayed = acknowledged.get('heard') - 10;
    assert.equal(damage.length + behind + replayed, 300, `${damage.length} damaged, ${behind} behind them`);
  },

  /** More is sent than the queue takes. */
  async full() {
    await browser.start('about:blank');
    for (const policy of ['reject', 'send']) {
      await browser.open(page(policy, 0, {}, 'full'));
      await isDone(policy);
    }
  },

  /** There is no bridge for a while. */
  async 'gave up'() {
    await browser.start(page('gave-up', 0, {}, 'gave_up'));
    await isDone('gave-up');
    await browser.open(page('refused', 0, { flags: 'refused' }, 'gave_up'));
    await until('the page was refused', () => check() && connected.has('refused'));
    const workers = () => browser.targets('shared_worker');
    await until('the worker has ended', async () => (await workers()).length === 0);
  },

  /** Another tab is before it. */
  async hidden() {
    await browser.start('about:blank');
    for (const label of ['hidden', 'strict']) {
      await browser.open(page(label, 0, { flags: label }, 'hidden'));
      await until('the page has sent', () => check() && connected.has(label));
      const other = await browser.open('about:blank');
      await browser.command(other, 'Page.bringToFront');
      await isDone(label);
    }
  },

  /** Many tabs at once, of which some are closed and crashed, and so is whoever has the connection. */
  async tabs() {
    await manyTabs({ shared: 1 });
  },

  /** Each tab in turn has the connection and closes its producer, while those behind it send. */
  async 'handed over'() {
    await browser.start('about:blank');
    const counts = [50, 150, 250, 350, 450];
    const more = { shared: 1, flags: 'no-worker awake' };
    for (const count of counts) await browser.open(page(`h${count}`, count, more));
    for (const count of counts) await isDone(`h${count}`);
    for (const count of counts) assert.equal(acknowledged.get(`h${count}`), count);
  },

  /** What the next host can tell before it has a session: its tabs' records, whose lease is over. */
  async 'handed over late'() {
    await browser.start('about:blank');
    const later = (label, count) => page(label, count, { shared: 1, flags: 'no-worker', url: other });
    const mute = await browser.open(page('host', FOREVER, { shared: 1, flags: 'no-worker mute' }));
    await hasStored('host', 40);
    await browser.open(later('behind', 40));
    await hasStored('behind', 40);
    await browser.close(mute);
    await isDone('behind');
    const lines = unknown.filter((line) => line.includes(' false maybe LEASE_LOST: '));
    assert.equal(lines.length, 40);
    stored.clear();
    unknown.length = 0;
    await browser.open(later('next', 50));
    await isDone('next');
  },

  async 'tabs without a worker'() {
    await manyTabs({ shared: 1, flags: 'no-worker' });
  },
};

/**
 * A page that ends when it has stored so many records, of which none has reached the bridge: but one
 * before, where it is mute only after that.
 */
async function strand(label, count, flags = 'mute') {
  const before = flags === 'mute' ? 1 : 0;
  const tab = await browser.open(page(label, count + before, { flags, config: '{"compression.type": "none"}' }));
  await hasStored(label, count);
  await browser.command(tab, 'Page.crash');
  await browser.close(tab);
}

async function manyTabs(more) {
  const count = Number(times);
  await browser.start('about:blank');
  const tabs = [];
  for (let index = 0; index < count; index += 1) {
    tabs.push(await browser.open(page(`t${index}`, index % 2 === 0 ? FOREVER : 100, more)));
  }
  for (let index = 0; index < count; index += 1) await hasStored(`t${index}`, 20);
  // The first tab is the one that has the connection, where there is no worker.
  await browser.command(tabs[0], 'Page.crash');
  for (const worker of await browser.targets('shared_worker')) {
    await browser.command(worker.id, 'Runtime.evaluate', { expression: 'self.close()' });
  }
  for (let index = 2; index < count; index += 2) await hasStored(`t${index}`, 60);
  for (let index = 2; index < count; index += 2) await browser.close(tabs[index]);
  for (let index = 1; index < count; index += 2) await isDone(`t${index}`);
  await browser.open(page('last', 50, more));
  await isDone('last');
}

try {
  await scenarios[scenario]();
  for (const what of unknown) console.log(`unknown ${what}`);
  for (const values of stored.values()) for (const value of values) console.log(value);
} finally {
  await browser.end();
  server.closeAllConnections();
  server.close();
}
