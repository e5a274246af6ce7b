// BROWSER PAGE URL TOPIC FILE: has a page produce the lines of a file over a bridge. The browser is a
// plain process without a driver, which would slow WebSockets down; the page tells how it went.

import process from 'node:process';

import { Browser, serve, until } from './browser_host.mjs';

const [program, path, url, topic, file] = process.argv.slice(2);
let told;

const { server, address } = await serve((what) => (told = what), { '/text': file });
const browser = new Browser(program, { isDriven: false });
try {
  await browser.start(`${address}/${path}?${new URLSearchParams({ url, topic })}`);
  const { rate, error } = await until('the page has told how it went', () => told);
  if (error) throw new Error(error);
  console.log(`${rate} records/s`);
} finally {
  await browser.end();
  server.closeAllConnections();
  server.close();
}
