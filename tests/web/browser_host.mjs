// A web server for test pages and the browser that shows them. Chromium's tabs are opened, closed and
// crashed over its own protocol; nobody drives the pages.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect as dial, createServer as listen } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

const TYPES = { html: 'text/html', js: 'text/javascript', mjs: 'text/javascript', wasm: 'application/wasm' };
const PATIENCE_MS = 120_000;

/** Serves the files here, and `others` under their paths; `hear` gets what pages post to `/told`. */
export async function serve(hear, others = {}) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    if (request.method === 'POST') {
      let body = '';
      request.on('data', (chunk) => (body += chunk));
      request.on('end', () => {
        response.end();
        hear(JSON.parse(body));
      });
      return;
    }
    try {
      const content = readFileSync(others[pathname] ?? `.${pathname}`);
      const type = TYPES[pathname.split('.').pop()] ?? 'text/plain';
      response.writeHead(200, { 'content-type': type }).end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, address: `http://127.0.0.1:${server.address().port}` };
}

/** A way to the bridge at `url` that writes down, in `methods`, which HTTP requests pass. */
export async function tap(url) {
  const { hostname, port, pathname } = new URL(url);
  const methods = [];
  const server = listen((client) => {
    const bridge = dial(Number(port), hostname);
    client.on('data', (bytes) => {
      const method = /^([A-Z]+) \/\S* HTTP\/1\.1\r\n/.exec(bytes.toString('latin1'))?.[1];
      if (method) methods.push(method);
    });
    for (const [from, to] of [[client, bridge], [bridge, client]]) {
      from.on('error', () => to.destroy());
      from.pipe(to);
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return { url: `ws://127.0.0.1:${server.address().port}${pathname}`, methods };
}

export class Browser {
  #program;
  #isDriven;
  #profile = mkdtempSync(join(tmpdir(), 'ottla-browser-'));
  #process;
  #port;

  /** Only Chromium takes commands, and only if it `isDriven`. */
  constructor(program, { isDriven = !program.includes('firefox') } = {}) {
    this.#program = program;
    this.#isDriven = isDriven;
  }

  /** Starts it with a page; what it has stored is as it left it. */
  async start(url) {
    const flags = this.#program.includes('firefox')
      ? ['--headless', '--no-remote', '--profile', this.#profile]
      : ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
         `--user-data-dir=${this.#profile}`];
    const stderr = this.#isDriven ? 'pipe' : 'ignore';
    if (this.#isDriven) flags.push('--remote-debugging-port=0');
    this.#process = spawn(this.#program, [...flags, url], { stdio: ['ignore', 'ignore', stderr], detached: true });
    await once(this.#process, 'spawn');
    if (!this.#isDriven) return;
    this.#port = await new Promise((resolve, reject) => {
      let said = '';
      this.#process.stderr.on('data', (text) => {
        said += text;
        const port = /DevTools listening on ws:\/\/127\.0\.0\.1:(\d+)/.exec(said)?.[1];
        if (port) resolve(port);
      });
      this.#process.once('exit', () => reject(new Error(said)));
    });
  }

  /** Ends every process of it at once, as a power failure would. */
  async kill() {
    if (!this.#process?.pid) return;
    const gone = new Promise((resolve) => this.#process.once('exit', resolve));
    process.kill(-this.#process.pid, 'SIGKILL');
    await gone;
    for (const lock of ['SingletonLock', 'lock', '.parentlock']) {
      rmSync(join(this.#profile, lock), { force: true });
    }
  }

  async end() {
    await this.kill();
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 10 });
  }

  /** Opens a tab; returns its id. */
  async open(url) {
    return (await this.#ask(`new?${encodeURIComponent(url)}`, { method: 'PUT' })).id;
  }

  /** Closes a tab. One that is just being reloaded may have to be told twice. */
  async close(id) {
    await until('the tab is closed', async () => {
      await this.#ask(`close/${id}`);
      return !(await this.targets('page')).some((target) => target.id === id);
    });
  }

  /** What there is of a type: `page`, `shared_worker`. */
  async targets(type) {
    return (await this.#ask('list')).filter((target) => target.type === type);
  }

  /** Sends a command to a tab or a worker. */
  async command(id, method, params = {}) {
    const target = (await this.#ask('list')).find((it) => it.id === id);
    const socket = new WebSocket(target.webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error(`no way to ${target.url}`));
    });
    const answer = new Promise((resolve) => {
      socket.onmessage = ({ data }) => resolve(JSON.parse(data));
      socket.onclose = () => resolve({});
    });
    socket.send(JSON.stringify({ id: 1, method, params }));
    // A tab that crashes does not answer.
    const said = await Promise.race([answer, sleep(2000, {})]);
    socket.close();
    return said.result;
  }

  async #ask(path, options) {
    const response = await fetch(`http://127.0.0.1:${this.#port}/json/${path}`, options);
    const text = await response.text();
    return text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text;
  }
}

/** Waits until something is so, and returns what it was told then. */
export async function until(what, isSo) {
  for (const begun = performance.now(); performance.now() - begun < PATIENCE_MS; await sleep(20)) {
    const told = await isSo();
    if (told) return told;
  }
  throw new Error(`never: ${what}`);
}
