// QUERY FILE WORKER [CA]: has a worker in workerd produce the lines of a file, to where the query says.
// It trusts nobody but the authority, if one is given.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

const [query, file, script, authority] = process.argv.slice(2);
const dir = mkdtempSync('./worker-');

/** As a user's bundler does it: the module stays a file of its own. */
execFileSync('esbuild', [
  script, '--bundle', '--format=esm', '--conditions=workerd,worker,browser',
  '--loader:.wasm=copy', '--external:cloudflare:sockets', `--outdir=${dir}`,
], { stdio: 'inherit' });
const wasm = readdirSync(dir).find((name) => name.endsWith('.wasm'));
const port = await freePort();
writeFileSync(join(dir, 'config.capnp'), `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "internet", network = (allow = ["local", "private", "public"], ${trust(authority)})),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [
    (name = "worker.js", esModule = embed "${script.replace('.mjs', '.js')}"),
    (name = "${wasm}", wasm = embed "${wasm}"),
  ],
  compatibilityDate = "2026-06-01",
  globalOutbound = "internet",
);
`);

const workerd = spawn('workerd', ['serve', join(dir, 'config.capnp')], { stdio: 'inherit' });
try {
  await up();
  const body = readFileSync(file);
  const response = await fetch(`http://127.0.0.1:${port}/?${query}`, { method: 'POST', body });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  console.log(text);
} finally {
  workerd.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
}

async function up() {
  for (let tries = 0; ; tries += 1) {
    try {
      return await fetch(`http://127.0.0.1:${port}/?`);
    } catch (error) {
      if (tries > 300 || workerd.exitCode !== null) throw error;
      await sleep(100);
    }
  }
}

function trust(file) {
  const list = file ? JSON.stringify(readFileSync(file, 'utf8')) : '';
  return `tlsOptions = (trustBrowserCas = ${!file}, trustedCertificates = [${list}])`;
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = server.address();
      server.close(() => resolve(free));
    });
  });
}
