#!/usr/bin/env node
// Starts the command line on a Node.js that can run it, and says so on an older one. Plain JavaScript without a static
// import of anything of ours: an older Node.js reads no TypeScript, and would end in a stack trace.

import { readFileSync } from 'node:fs';

const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const needed = Number(/\d+/.exec(engines.node)?.[0]);
if (Number(process.versions.node.split('.')[0]) < needed) {
  console.error(
    `error: pg-tls-auditor needs Node.js ${needed} or newer, and this is ${process.versions.node}. After "npm ci", ` +
      'npm runs it on the Node.js that it installed: npm run --silent audit -- --help',
  );
  // As for everything that could not be audited.
  process.exit(2);
}
await import('./pg-tls-auditor.ts');
