// PAGE PICTURES: uses the demo page as people do, on a desktop by mouse and on a phone by keyboard,
// and prints how many records that made. Its pictures go into a folder.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import process from 'node:process';

const [url, pictures] = process.argv.slice(2);
const PATIENCE_MS = 120_000;
const DESKTOP = { width: 1180, height: 900, deviceScaleFactor: 1 };
const PHONE = { width: 390, height: 844, deviceScaleFactor: 1.5, isMobile: true, hasTouch: true };

/** "ottla", by hand. */
const WORD = [
  arc(0.17, 0.52, 0.085, 0.13),
  line([0.36, 0.22], [0.36, 0.64]),
  line([0.29, 0.39], [0.43, 0.39], 8),
  line([0.53, 0.22], [0.53, 0.64]),
  line([0.46, 0.39], [0.6, 0.39], 8),
  line([0.67, 0.18], [0.67, 0.65]),
  arc(0.83, 0.52, 0.085, 0.13),
  line([0.915, 0.39], [0.92, 0.65], 10),
];
const UNDERLINE = [curve(40, (t) => [0.08 + 0.84 * t, 0.82 + 0.03 * Math.sin(t * 18)])];

const { default: puppeteer } = await import(driver());
const which = (program) => execFileSync('which', [program], { encoding: 'utf8' }).trim();
const browser = await puppeteer.launch({
  executablePath: which('chromium'),
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});
mkdirSync(pictures, { recursive: true });
let sent = 0;
try {
  await byMouse(await open(DESKTOP, 'light'));
  await byKeyboard(await open(PHONE, 'dark'));
} finally {
  await browser.close();
}
console.log(sent);

/** Where npm put the driver: beside a folder of programs in `PATH`. */
function driver() {
  for (const bin of process.env.PATH.split(delimiter)) {
    try {
      return createRequire(join(dirname(bin), 'x.js')).resolve('puppeteer-core');
    } catch {
      // Not there.
    }
  }
  throw new Error('puppeteer-core is not beside any program');
}

async function open(viewport, scheme) {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on('pageerror', (error) => assert.fail(`the page failed: ${error.stack ?? error}`));
  await page.setViewport(viewport);
  await page.emulateMediaFeatures([
    { name: 'prefers-color-scheme', value: scheme },
    // Nobody sees the motion here, and a picture of it would differ each time.
    { name: 'prefers-reduced-motion', value: 'reduce' },
  ]);
  await page.goto(url);
  await page.waitForSelector('body[data-ready]');
  await isAccessible(page);
  return page;
}

/** Nothing sticks out, and whatever can be used has a name. */
async function isAccessible(page) {
  const width = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(width[0] <= width[1], `the page is ${width[0]} wide on a screen of ${width[1]}`);
  const nameless = [];
  const visit = ({ role, name, children = [] }) => {
    if (/^(button|textbox|application|image|region|list)$/.test(role) && !name) nameless.push(role);
    children.forEach(visit);
  };
  visit(await page.accessibility.snapshot());
  assert.deepEqual(nameless, []);
}

async function byMouse(page) {
  await say(page, 'hello, log');
  await write(page, WORD);
  await settled(page);
  await page.screenshot({ path: join(pictures, 'desktop-light.png') });

  await page.click('#switch');
  await state(page, 'Stopped');
  await write(page, UNDERLINE);
  await say(page, 'sent while the broker is down');
  await page.waitForFunction(() => Number(document.querySelector('#waiting').textContent) > 20);
  await page.screenshot({ path: join(pictures, 'desktop-stopped.png') });

  await page.click('#switch');
  await state(page, 'running');
  await settled(page);
  await close(page);
}

/** The same without a pointer. */
async function byKeyboard(page) {
  const keys = page.keyboard;
  // What was drawn before is read from the log.
  await page.waitForFunction(() => document.querySelectorAll('#messages li').length === 2);
  await focus(page, 'mine');
  await keys.press('Space');
  for (const key of ['ArrowLeft', 'ArrowUp', 'ArrowRight', 'ArrowDown']) {
    for (let step = 0; step < 8; step += 1) await keys.press(key);
  }
  await keys.press('Space');
  await focus(page, 'text');
  await keys.type('from the keyboard');
  await keys.press('Enter');
  await settled(page);
  await page.screenshot({ path: join(pictures, 'phone-dark.png') });

  await focus(page, 'switch');
  await keys.press('Enter');
  await state(page, 'Stopped');
  await focus(page, 'text');
  await keys.type('still here');
  await keys.press('Enter');
  await focus(page, 'switch');
  await keys.press('Space');
  await state(page, 'running');
  await settled(page);
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }]);
  await page.screenshot({ path: join(pictures, 'phone-light.png') });
  await close(page);
}

/** Goes to an element by the Tab key alone. */
async function focus(page, id) {
  for (let step = 0; step < 12; step += 1) {
    if (await page.evaluate((id) => document.activeElement?.id === id, id)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`the Tab key does not reach ${id}`);
}

async function say(page, text) {
  await page.type('#text', text);
  await page.keyboard.press('Enter');
}

function state(page, words) {
  const shows = (words) => document.querySelector('#broker-state').textContent.includes(words);
  return page.waitForFunction(shows, {}, words);
}

/** All that was sent is acknowledged and read back, and nothing lost. */
async function settled(page) {
  await page.waitForFunction(() => {
    const count = (id) => Number(document.getElementById(id).textContent);
    const all = count('sent');
    return all > 0 && count('acknowledged') === all && count('read') === all;
  });
  assert.equal(await number(page, 'lost'), 0);
  assert.equal(await number(page, 'waiting'), 0);
}

function number(page, id) {
  return page.$eval(`#${id}`, (element) => Number(element.textContent));
}

async function close(page) {
  sent += await number(page, 'sent');
  await page.close();
}

/** Draws strokes of points from 0 to 1. */
async function write(page, strokes) {
  const { x, y, width, height } = await (await page.$('#mine')).boundingBox();
  const at = ([px, py]) => [x + px * width, y + py * height];
  for (const [first, ...others] of strokes) {
    await page.mouse.move(...at(first));
    await page.mouse.down();
    for (const point of others) await page.mouse.move(...at(point));
    await page.mouse.up();
  }
}

/** A stroke along a curve. */
function curve(count, point) {
  return Array.from({ length: count + 1 }, (_, index) => point(index / count));
}

function line(from, to, count = 14) {
  return curve(count, (t) => [from[0] + (to[0] - from[0]) * t, from[1] + (to[1] - from[1]) * t]);
}

/** A circle's arc in turns, clockwise from the right. */
function arc(cx, cy, rx, ry, from = 0, to = 1, count = 28) {
  return curve(count, (t) => {
    const angle = 2 * Math.PI * (from + (to - from) * t);
    return [cx + rx * Math.cos(angle), cy + ry * Math.sin(angle)];
  });
}
