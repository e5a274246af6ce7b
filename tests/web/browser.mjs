// BROWSER PAGE URL TOPIC FILE: has a page produce the lines of a file over a bridge. The browser is a
// plain process without a driver, which would slow WebSockets down; the page tells how it went.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

const PATIENCE_MS = 300_000;
const TYPES = { html: 'text/html', js: 'text/javascript', mjs: 'text/javascript', wasm: 'application/wasm' };

const [program, path, url, topic, file] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), 'ottla-browser-'));
let browser;

/** Ends everything. */
function finish(status) {
  // Its files can go when it is gone, all of its processes.
  browser?.once('exit', () => rmSync(profile, { recursive: true, force: true, maxRetries: 10 }));
  if (browser?.pid) process.kill(-browser.pid, 'SIGKILL');
  process.exitCode = status;
  server.closeAllConnections();
  server.close();
  clearTimeout(patience);
}

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost');
  if (request.method === 'POST') {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      response.end();
      const { rate, error } = JSON.parse(body);
      if (error) console.error(error);
      else console.log(`${rate} records/s`);
      finish(error ? 1 : 0);
    });
    return;
  }
  try {
    const content = readFileSync(pathname === '/text' ? file : `.${pathname}`);
    const type = TYPES[pathname.split('.').pop()] ?? 'text/plain';
    response.writeHead(200, { 'content-type': type }).end(content);
  } catch {
    response.writeHead(404).end();
  }
});

const patience = setTimeout(() => {
  console.error(`${program} did not tell how it went`);
  finish(1);
}, PATIENCE_MS);

server.listen(0, '127.0.0.1', () => {
  const query = new URLSearchParams({ url, topic });
  const page = `http://127.0.0.1:${server.address().port}/${path}?${query}`;
  const isFirefox = program.includes('firefox');
  const flags = isFirefox
    ? ['--headless', '--no-remote', '--profile', profile]
    : ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
       '--no-first-run', `--user-data-dir=${profile}`];
  browser = spawn(program, [...flags, page], { stdio: 'ignore', detached: true });
  browser.on('error', (error) => {
    console.error(`cannot run ${program}: ${error.message}`);
    finish(1);
  });
});
