#!/usr/bin/env node
// Starts the command line, or says which Node.js it needs. Plain JavaScript without a static import of our modules: an
// older Node.js reads no TypeScript, and would end in a stack trace.

import { readFileSync } from 'node:fs';

const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const needed = Number(/\d+/.exec(engines.node)?.[0]);
if (Number(process.versions.node.split('.')[0]) < needed) {
  console.error(
    `error: pg-tls-auditor needs Node.js ${needed} or newer, and this is ${process.versions.node}. After "npm ci", ` +
      'npx runs it on the Node.js that npm installed: npx pg-tls-auditor --help',
  );
  // As for everything that could not be audited.
  process.exit(2);
}
await import('./pg-tls-auditor.ts');
