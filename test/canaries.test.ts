// Secrets planted in every wrong place, on every path that refuses or fails: none of them shows anywhere.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { run } from '../bin/command-line/run.ts';
import { targetOf } from '../lab/collector.ts';
import { parseCredentials } from '../lambda/collect/secrets/credentials.ts';
import { parseConfig } from '../lambda/config/index.ts';
import { parseEvent, requestedTargets } from '../lambda/event.ts';
import { known } from '../lambda/model/observed.ts';
import { everythingShownOf } from './collect/canary.ts';

/** Long enough that no ordinary text holds it, and like no word. */
const PW = 'PW_Zq7-canary';
const URL_TEXT = `postgres://app:${PW}@db.example.com:5432/app`;
const KEY = `-----BEGIN PRIVATE KEY-----\n${PW}\n-----END PRIVATE KEY-----\n`;

/** What people paste: whatever the place is for, it may be one of these. */
const PASTED: Readonly<Record<string, string>> = {
  'a URL': URL_TEXT,
  'a URL without its scheme': `app:${PW}@db.example.com`,
  'key=value': `host=db.example.com user=app password=${PW}`,
  'an Npgsql string': `Host=db.example.com;Username=app;Password=${PW}`,
  'a variable': `PGPASSWORD=${PW}`,
  JSON: `{"username":"app","password":"${PW}"}`,
  'a key': KEY,
  'a key on one line': KEY.replaceAll('\n', '\\n'),
  'a Slack token': `xoxb-2345-${PW}`,
  'a database with parameters': `app?password=${PW}`,
  'a URL in percent encoding': encodeURIComponent(URL_TEXT),
};
const pasted = Object.entries(PASTED);

/** The text of the error, with everything that hangs on it; what is returned where there is none. */
function shownBy(call: () => unknown): string {
  try {
    return everythingShownOf(call());
  } catch (error) {
    return everythingShownOf(error);
  }
}

const TARGET = { name: 'orders', secret: 'prod/orders' };

describe.each(pasted)('a configuration with %s', (_what, paste) => {
  test.each<[string, object]>([
    ['in place of a name', { targets: [{ ...TARGET, name: paste }] }],
    ['in place of the name of a secret', { targets: [{ ...TARGET, secret: paste }] }],
    ['in place of credentials', { targets: [{ name: 'a', credentials: paste }] }],
    ['as an environment variable', { targets: [{ name: 'a', credentials: { env: paste } }] }],
    ['as a file of credentials', { targets: [{ name: 'a', credentials: { file: paste } }] }],
    ['as an unknown source', { targets: [{ name: 'a', credentials: { [paste]: 1 } }] }],
    ['as the host', { targets: [{ ...TARGET, host: paste }] }],
    ['as the port', { targets: [{ ...TARGET, port: paste }] }],
    ['as the database', { targets: [{ ...TARGET, database: paste }] }],
    ['as the kind', { targets: [{ ...TARGET, kind: paste }] }],
    ['as the name of the server', { targets: [{ ...TARGET, tlsServerName: paste }] }],
    ['as the CA', { targets: [{ ...TARGET, ca: paste }] }],
    ['as the file of a CA', { targets: [{ ...TARGET, ca: { file: paste } }] }],
    ['as the field of a CA', { targets: [{ ...TARGET, ca: { secret: 'x', key: paste } }] }],
    ['as a client certificate', { targets: [{ ...TARGET, clientCertificate: paste }] }],
    ['as its files', { targets: [{ ...TARGET, clientCertificate: { certificateFile: paste, keyFile: paste } }] }],
    ['as the negotiation', { targets: [{ ...TARGET, sslNegotiation: paste }] }],
    ['as seconds', { targets: [{ ...TARGET, timeoutSeconds: paste }] }],
    ['as a switch', { targets: [{ ...TARGET, probe: paste }] }],
    ['as a label', { targets: [{ ...TARGET, labels: { team: paste } }] }],
    ['as the key of a label', { targets: [{ ...TARGET, labels: { [paste]: 'x' } }] }],
    ['as a setting', { targets: [{ ...TARGET, [paste]: 'x' }] }],
    ['as a setting of the document', { [paste]: 'x', targets: [TARGET] }],
    ['as the schedule', { schedule: paste, targets: [TARGET] }],
    ['as the time zone', { timezone: paste, targets: [TARGET] }],
    ['as an address', { alerts: { email: [paste] }, targets: [TARGET] }],
    ['as a Slack id', { alerts: { slack: [{ workspaceId: paste, channelId: paste }] }, targets: [TARGET] }],
    ['as a severity', { alerts: { minSeverity: paste }, targets: [TARGET] }],
    [
      'as a route',
      { alerts: { routes: [{ name: paste, targets: [paste], email: ['a@b.example'] }] }, targets: [TARGET] },
    ],
    [
      'as the endpoint of a route',
      {
        alerts: { routes: [{ name: 'r', targets: ['*'], https: [paste], sqs: [paste], lambda: [paste] }] },
        targets: [TARGET],
      },
    ],
    [
      'as the label of a route',
      { alerts: { routes: [{ name: 'r', labels: { team: paste }, email: ['a@b.example'] }] }, targets: [TARGET] },
    ],
    ['as a mute', { mutes: [{ fingerprint: paste, reason: paste, owner: paste, expires: paste }], targets: [TARGET] }],
    [
      'as what is muted',
      {
        mutes: [{ check: paste, role: paste, client: paste, reason: 'r', owner: 'o', expires: '2999-01-01' }],
        targets: [TARGET],
      },
    ],
    [
      'as a policy',
      { policy: { minTlsVersion: paste, cipherProfile: paste, clientCertificateRoles: [paste] }, targets: [TARGET] },
    ],
    [
      'in the deployment',
      {
        deployment: { vpc: { vpcId: paste, subnetIds: [paste], availabilityZones: ['a'] }, secretKmsKeyArns: [paste] },
        targets: [TARGET],
      },
    ],
    ['as the targets', { targets: paste }],
    ['as a target', { targets: [paste] }],
  ])('%s', (_where, document) => {
    for (const use of ['deployment', 'command-line'] as const) {
      const shown = shownBy(() => {
        parseConfig(document, { use });
      });
      expect(shown).not.toContain(PW);
    }
  });
});

test('a configuration that is a text is not quoted', () => {
  for (const paste of Object.values(PASTED))
    expect(shownBy(() => parseConfig(paste, { use: 'deployment' }))).not.toContain(PW);
});

test.each(pasted)('an event with %s is refused without it', (_what, paste) => {
  const events = [
    paste,
    [paste],
    { targets: [paste] },
    { targets: paste },
    { [paste]: true },
    { notify: paste },
    { testAlert: { paste } },
  ];
  for (const event of events) {
    const shown = shownBy(() => requestedTargets(parseEvent(event), { found: [], all: known([]) }));
    expect(shown).toContain('Allowed:');
    expect(shown).not.toContain(PW);
  }
});

describe.each(pasted)('a secret with %s', (_what, paste) => {
  test.each(['host', 'port', 'user', 'dbname', 'url', 'sslmode', 'ssl', paste])('in its field %s', (field) => {
    const fields = { host: 'db', username: 'u', password: 'x', [field]: paste };
    // The host, the user and the database are shown: read or refused, none of them holds it.
    const shown = shownBy(() => parseCredentials(JSON.stringify(fields), 'secret s', targetOf({})));
    expect(shown).not.toContain(PW);
  });

  test('in a connection string', () => {
    for (const text of [
      `${URL_TEXT}/${paste}`,
      `host=${paste} user=u`,
      `Host=${paste};Username=u`,
      `${paste}@db`,
      `PGHOST=${paste}`,
    ]) {
      try {
        const { host, user, database } = parseCredentials(text, 'secret s', targetOf({}));
        expect([host, user, database].join()).not.toContain(PW);
      } catch (error) {
        expect(everythingShownOf(error)).not.toContain(PW);
      }
    }
  });
});

describe('the command line', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'canaries-'));
    await writeFile(
      join(folder, 'fleet.json'),
      JSON.stringify({ targets: [{ name: 'orders', credentials: { file: 'dsn' } }] }),
    );
    await writeFile(join(folder, 'not.json'), `{ "password": "${PW}" `);
    await writeFile(join(folder, 'dsn'), URL_TEXT.replace('db.example.com', `db/${PW}`));
    await writeFile(join(folder, 'key.pem'), KEY);
    vi.stubEnv('PGPASSWORD', PW);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  });

  /** Standard output and error of a command, run in this process. */
  async function said(...args: readonly string[]): Promise<string> {
    let text = '';
    const take = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
      text += chunk.toString();
      for (const done of rest) if (typeof done === 'function') done();
      return true;
    };
    const streams = [process.stdout, process.stderr].map((stream) =>
      vi.spyOn(stream, 'write').mockImplementation(take),
    );
    try {
      await run(args);
    } catch (error) {
      text += everythingShownOf(error);
    } finally {
      for (const stream of streams) stream.mockRestore();
    }
    expect(text).not.toBe('');
    return text;
  }

  const inFolder = (name: string): string => join(folder, name);

  describe.each(pasted)('with %s', (_what, paste) => {
    test.each<[string, readonly string[]]>([
      ['as a command', [paste]],
      ['as an argument', ['audit', paste]],
      ['as an unknown option', ['audit', `--${paste}`]],
      ['as the value of an unknown option', ['audit', `--ulr=${paste}`]],
      ['as the value of an option of one letter', ['audit', `-x${paste}`]],
      ['as the configuration', ['audit', '--config', paste]],
      ['as the configuration, glued', ['audit', `-c${paste}`]],
      ['as a target', ['audit', '--config', 'FLEET', '--target', paste]],
      ['as the format', ['audit', '--format', paste]],
      ['as a severity', ['audit', '--fail-on', paste]],
      ['as the kind', ['audit', '--url', 'postgres://u@127.0.0.1:1', '--kind', paste]],
      ['as the CA', ['audit', '--url', 'postgres://u@127.0.0.1:1', '--ca', paste]],
      [
        'as the key',
        ['audit', '--url', 'postgres://u@127.0.0.1:1', '--client-certificate', 'c.pem', '--client-key', paste],
      ],
      [
        'as the certificate',
        ['audit', '--url', 'postgres://u@127.0.0.1:1', '--client-certificate', paste, '--client-key', 'k.pem'],
      ],
      ['as the name of the server', ['audit', '--url', 'postgres://u@127.0.0.1:1', '--tls-server-name', paste]],
      ['as seconds', ['audit', '--url', 'postgres://u@127.0.0.1:1', '--timeout', paste]],
      ['as the state', ['history', '--state', paste]],
      ['as the table of the state', ['history', '--state', `dynamodb:${paste}`]],
      ['as days', ['history', '--state', 's.json', '--days', paste]],
      ['as an account', ['audit', '--url', 'postgres://u@127.0.0.1:1', '--format', 'asff', '--aws-account', paste]],
      ['as a check', ['explain', paste]],
      ['as a fingerprint', ['mute', paste, '--until', '2999-01-01', '--reason', 'r', '--owner', 'o']],
      ['as a day', ['mute', '0123456789abcdef', '--until', paste, '--reason', 'r', '--owner', 'o']],
      ['as a reason', ['mute', '0123456789abcdef', '--until', '2999-01-01', '--reason', paste, '--owner', paste]],
      [
        'as the configuration of a mute',
        ['mute', '0123456789abcdef', '--until', '2999-01-01', '--reason', 'r', '--owner', 'o', '-c', paste],
      ],
    ])('%s', async (_where, args) => {
      expect(await said(...args.map((argument) => argument.replace('FLEET', inFolder('fleet.json'))))).not.toContain(
        PW,
      );
    });
  });

  test.each<[string, readonly string[]]>([
    ['a URL in pieces', ['audit', '--url', `postgres://u:${PW}@127.0.0.1:1/${PW}@x`]],
    ['a URL with a password', ['audit', '--url', `postgres://u:${PW}@127.0.0.1:1/db`, '--timeout', '2']],
    ['a URL with a port that is none', ['audit', '--url', `postgres://u:${PW}@127.0.0.1:${PW}`]],
    ['a password of the environment', ['audit', '--url', 'postgres://u@127.0.0.1:1/db', '--timeout', '2']],
    ['a file that is not JSON', ['audit', '--config', 'FOLDER/not.json']],
    ['credentials that are broken', ['audit', '--config', 'FOLDER/fleet.json']],
    [
      'a key in place of a CA',
      ['audit', '--url', 'postgres://u@127.0.0.1:1', '--ca', 'FOLDER/key.pem', '--timeout', '2'],
    ],
    [
      'a broken key',
      [
        'audit',
        '--url',
        'postgres://u@127.0.0.1:1',
        '--client-certificate',
        'FOLDER/key.pem',
        '--client-key',
        'FOLDER/key.pem',
      ],
    ],
    ['a key in place of a state', ['history', '--state', 'FOLDER/key.pem']],
  ])('%s', async (_what, args) => {
    for (const format of ['table', 'json', 'sarif', 'junit', 'markdown', 'ocsf'] as const) {
      const formatted = args[0] === 'audit' ? [...args, '--format', format] : args;
      expect(await said(...formatted.map((argument) => argument.replace('FOLDER', folder)))).not.toContain(PW);
    }
  });
});
