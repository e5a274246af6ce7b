// BUNDLER: builds the page with esbuild, Vite or webpack into a folder of that name.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import process from 'node:process';

const [bundler] = process.argv.slice(2);
const run = (program, ...flags) => execFileSync(program, flags, { stdio: 'inherit' });
const page = (script) => `<!doctype html><meta charset="utf-8"><script type="module" src="${script}"></script>\n`;

const bundlers = {
  /** It leaves the module behind, so the page takes the script that has it inside. */
  esbuild(dir) {
    run('esbuild', 'page.mjs', '--bundle', '--minify', '--format=esm', '--alias:ottla=ottla/inline',
      `--outfile=${dir}/script.js`);
    writeFileSync(`${dir}/index.html`, page('./script.js'));
  },
  vite(dir) {
    mkdirSync('vite-source', { recursive: true });
    writeFileSync('vite-source/index.html', page('../page.mjs'));
    run('vite', 'build', 'vite-source', '--base', './', '--outDir', `../${dir}`, '--emptyOutDir');
  },
  webpack(dir) {
    run('webpack', 'build', './page.mjs', '--mode', 'production', '--output-path', dir,
      '--output-filename', 'script.js');
    writeFileSync(`${dir}/index.html`, page('./script.js'));
  },
};

mkdirSync(bundler, { recursive: true });
bundlers[bundler](bundler);
