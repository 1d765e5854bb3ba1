// Fuzzes documents that people and other programs write: the configuration, events, the state.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { parseConfig } from '../../lambda/config/index.ts';
import { parseDocument, printDocument } from '../../lambda/deliver/state/document.ts';
import { recordsOf, stateOf } from '../../lambda/deliver/state/records.ts';
import { parseEvent, requestedTargets } from '../../lambda/event.ts';
import { known } from '../../lambda/model/observed.ts';
import type { TargetList } from '../../lambda/targets/index.ts';
import { byteChange, changeBytes, documentLike } from '../generators/arbitraries.ts';
import { check, type FuzzTarget, throwingOnly } from '../generators/fuzz-target.ts';

const example: unknown = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', '..', 'auditor.config.example.json'), 'utf8'),
);

const { targets: found } = parseConfig(
  { targets: ['orders', 'billing'].map((name) => ({ name, secret: name })) },
  { use: 'deployment' },
);
const LIST: Pick<TargetList, 'found' | 'all'> = { found, all: known(found) };

/** Lines of a problem, each of which shows what it quotes and does nothing. */
function checkProblem({ message }: Error): void {
  check(
    !/[\u0000-\u0009\u000b-\u001f\u007f\u202a-\u202e\u2066-\u2069]/.test(message),
    `it acts: ${JSON.stringify(message)}`,
  );
  check(message.length < 100_000, `a problem of ${message.length} characters`);
}

const config: FuzzTarget = {
  name: 'config',
  title: 'configuration documents',
  share: 2,
  prepare: () => ({
    property: fc.property(
      documentLike(
        example,
        { targets: [{ name: 'a', secret: 'b' }] },
        {
          targets: [{ name: 'a', credentials: { env: 'DSN' }, ca: [{ file: 'x' }, 'system'], labels: { team: 'x' } }],
          mutes: [{ check: 'plaintext-session', target: 'a', reason: 'r', owner: 'o', expires: '2026-12-01' }],
          alerts: { routes: [{ name: 'r', targets: ['a*'], email: ['a@example.com'] }], minSeverity: 'low' },
        },
        {
          discovery: [
            {
              rds: { regions: ['eu-west-1'], tags: { a: 'b' }, include: ['x*'], accounts: [{ roleArn: 'r' }] },
              credentials: { secret: 'audit/${name}' },
              ca: { secret: 'ca-${region}' },
              labels: { team: '${tag:team}' },
              logs: 'auto',
            },
          ],
        },
      ),
      fc.constantFrom('deployment', 'command-line'),
      (document, use) => {
        const read = throwingOnly(['ConfigError'], () => parseConfig(document, { use }), checkProblem);
        if (read === undefined) return;
        check(read.targets.length + read.discovery.length > 0, 'a configuration without targets');
        throwingOnly([], () => JSON.stringify(read));
        for (const { timeoutMs, port } of read.targets) {
          check(Number.isInteger(timeoutMs) && timeoutMs > 0, `a target's time is ${timeoutMs}`);
          check(port === undefined || (port > 0 && port < 65_536), `port ${port}`);
        }
      },
    ),
  }),
};

const event: FuzzTarget = {
  name: 'event',
  title: 'events of the handler',
  share: 1,
  prepare: () => ({
    property: fc.property(
      documentLike(
        { source: 'aws.scheduler', 'detail-type': 'Scheduled Event', id: 'x' },
        { targets: ['orders'], notify: true, testAlert: false },
        {},
      ),
      (document) => {
        const request = throwingOnly(['EventError'], () => parseEvent(document), checkProblem);
        if (request?.targets === undefined) return;
        const { targets } = request;
        const selected = throwingOnly(['EventError'], () => requestedTargets(request, LIST), checkProblem);
        check(
          selected === undefined || targets.every((name) => selected.some((target) => target.name === name)),
          'a target that is not there',
        );
      },
    ),
  }),
};

const AT = '2026-11-10T06:15:02.000Z';
const STATE = {
  schemaVersion: 1,
  findings: [
    {
      finding: {
        fingerprint: 'ab',
        check: 'plaintext-session',
        severity: 'high',
        target: 'orders',
        title: 'x',
        role: 'app',
        clients: ['10.0.0.1'],
        count: 3,
        evidence: { oldest: AT, many: ['a'] },
        remedy: 'y',
      },
      status: 'open',
      firstSeen: AT,
      openedAt: AT,
      lastSeen: AT,
      lastNotified: { at: AT, severity: 'high', reason: 'new' },
    },
  ],
  targets: [{ name: 'orders', takenAt: AT }],
  mutes: [{ key: 'm', firstSeen: AT, lastMatched: AT }],
};

const state: FuzzTarget = {
  name: 'state',
  title: 'the state as a document, and back',
  share: 1,
  prepare: () => ({
    property: fc.property(documentLike(STATE), fc.array(byteChange, { maxLength: 1 }), (document, changes) => {
      const text = changeBytes(Buffer.from(JSON.stringify(document) ?? ''), changes).toString();
      const entries = throwingOnly(['StateError'], () => parseDocument('state.json', text), checkProblem);
      if (entries === undefined) return;
      const kept = throwingOnly([], () => recordsOf(stateOf(entries, new Date(AT)))) ?? [];
      const printed = printDocument(kept);
      const again = printDocument(recordsOf(stateOf(parseDocument('state.json', printed), new Date(AT))));
      check(printed === again, 'what was printed reads otherwise');
    }),
  }),
};

export const DOCUMENT_TARGETS: readonly FuzzTarget[] = [config, event, state];
