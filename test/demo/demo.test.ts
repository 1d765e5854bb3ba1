// Runs the demo as a newcomer does, and ends it as one may.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

const DEMO = join(import.meta.dirname, '..', '..', 'demo', 'run.ts');
/** `.ci/run` tries all; `npm test` has no time for that. */
const WANTS_ALL = process.env.PG_TLS_AUDITOR_DEMO === 'all';

interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  /** Null when a signal ended it. */
  readonly code: number | null;
  /** Its temporary folder had a server's in it. */
  readonly servedFromFolder: boolean;
  /** What it wrote for the person to open. */
  readonly page: string | undefined;
}

interface RunOptions {
  readonly args?: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
  /** Source of a module to load before the demo. */
  readonly preload?: string;
  /** What to do to the demo's process once its output matches. */
  readonly when?: RegExp;
  readonly act?: (pid: number, stdout: { destroy(): void }) => void;
}

/** Runs the demo in a temporary folder of its own, and waits until nothing of it is left. */
async function runDemo({ args = [], environment = {}, preload, when, act }: RunOptions = {}): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'demo-'));
  const temporary = join(folder, 't');
  mkdirSync(temporary);
  for (const path of [folder, temporary]) chmodSync(path, 0o711);
  try {
    const module = join(folder, 'preload.mjs');
    if (preload !== undefined) writeFileSync(module, preload);
    const child = spawn(
      process.execPath,
      [...(preload ? ['--import', pathToFileURL(module).href] : []), DEMO, ...args],
      {
        env: { ...process.env, ...environment, TMPDIR: temporary },
        cwd: folder,
        stdio: ['ignore', 'pipe', 'pipe'],
        // A group of its own, which a terminal's Ctrl-C reaches as one.
        detached: true,
      },
    );
    const { pid = 0 } = child;
    let stdout = '';
    let stderr = '';
    let servedFromFolder = false;
    let acted = false;
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
      servedFromFolder ||= readdirSync(temporary).some((name) => name.startsWith('pg-lab-'));
      if (acted || !when?.test(stdout)) return;
      acted = true;
      act?.(pid, child.stdout);
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
    });
    const [code] = (await once(child, 'close')) as [number | null];
    expect(acted).toBe(when !== undefined);
    // The guard that a killed demo leaves needs a moment; who ends in good order needs none to speak of.
    await vi.waitFor(() => expect([...readdirSync(temporary), ...processesOf(pid, folder)]).toEqual([]), {
      timeout: 15_000,
    });
    const written = join(folder, 'pg-tls-auditor-demo.html');
    const page = existsSync(written) ? readFileSync(written, 'utf8') : undefined;
    return { stdout, stderr, code, servedFromFolder, page };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Command lines of what still runs in the group, or names the folder. */
function processesOf(group: number, folder: string): string[] {
  return execFileSync('ps', ['-eo', 'pgid=,stat=,args='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line))
    .filter((match) => match !== null)
    .filter(
      ([, pgid, stat = '', args = '']) => !stat.startsWith('Z') && (Number(pgid) === group || args.includes(folder)),
    )
    .map(([, , , args = '']) => args);
}

describe('a whole run, among settings a person may have for other things', () => {
  let outcome: Outcome;
  let folder: string;
  /** Every password that the servers got. */
  let passwords: readonly string[];
  let email: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'demo-random-'));
    const record = join(folder, 'random');
    outcome = await runDemo({
      args: ['--verbose'],
      environment: {
        ...{ PGSSLMODE: 'require', PGOPTIONS: '-c statement_timeout=1', PGAPPNAME: 'mine', PGPASSWORD: 'mine' },
        ...{ AWS_PROFILE: 'mine', AWS_ENDPOINT_URL_SNS: 'http://127.0.0.1:1', AWS_CONFIG_FILE: '/nowhere' },
        ...{ AUDITOR_SECRET_ARNS: '{"shared/ca-bundle":"arn:mine"}', NODE_EXTRA_CA_CERTS: undefined },
      },
      preload: `
        import crypto from 'node:crypto';
        import { appendFileSync } from 'node:fs';
        import { syncBuiltinESMExports } from 'node:module';
        const { randomBytes } = crypto;
        crypto.randomBytes = (size, ...rest) => {
          const bytes = randomBytes(size, ...rest);
          if (size === 12) appendFileSync(${JSON.stringify(record)}, bytes.toString('base64url') + '\\n');
          return bytes;
        };
        syncBuiltinESMExports();`,
    });
    passwords = readFileSync(record, 'utf8').trim().split('\n');
    email = /┌─ email ─+\n([^└]*)└/.exec(outcome.stdout)?.[1]?.replaceAll(/^│ ?/gm, '') ?? '';
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  test('succeeds, and leaves nothing behind', () => {
    expect(outcome).toMatchObject({ code: 0, stderr: '', servedFromFolder: true });
    expect(outcome.stdout).toContain('Checked: the audit found all 18 things planted here, and nothing else.');
  });

  test.each([
    [
      'the pooled workers in plaintext',
      /^HIGH: Unencrypted session over/,
      'checkout',
      'shop',
      'checkout-worker-#',
      'As for plaintext-session above.',
    ],
    [
      'the superuser in plaintext',
      /^CRITICAL: Unencrypted session of a superuser/,
      'dba',
      'postgres',
      'psql',
      'sslmode=verify-full',
    ],
    [
      'the client with TLSv1',
      /^HIGH: Session with a deprecated/,
      'warehouse',
      'shop',
      'stock-scanner',
      'ssl_min_protocol_version',
    ],
    [
      'the client with TLSv1.1',
      /^HIGH: Session with a deprecated/,
      'reporting',
      'shop',
      'nightly-report',
      'ssl_min_protocol_version',
    ],
    ['the client with a weak cipher', /^MEDIUM: Session with a weak/, 'erp', 'shop', 'erp-connector', 'ssl_ciphers'],
  ])('the email names %s and how to fix it', (_, title, role, database, application, fix) => {
    const group = email.split(/^=+\n/m).find((text) => title.test(text)) ?? '';
    const [findings = '', remedy = ''] = group.split('How to fix:');
    expect(findings).toContain(`role "${role}", database "${database}", application "${application}"`);
    expect(remedy).toContain(fix);
  });

  test.each([
    [
      'the line that lets plaintext in',
      /^MEDIUM: pg_hba\.conf accepts/,
      /^- shop: NEW\n {2}rule: host all all all scram-sha-256\n {2}at: line 4 of\s+\S+pg_hba\.conf\n/m,
      'hostssl all all all scram-sha-256',
    ],
    [
      'what lets TLSv1 in',
      /^MEDIUM: Server accepts TLS versions/,
      /^- shop: NEW\n {2}ssl_min_protocol_version: TLSv1\n/m,
      "ssl_min_protocol_version = 'TLSv1.2'",
    ],
    [
      'the certificate that ends soon',
      /^HIGH: Server certificate about to expire/,
      /^- billing: NEW\n[\s\S]*^ {2}days left: 9$/m,
      'Issue a new certificate',
    ],
    [
      'the connection string that verifies nothing',
      /^MEDIUM: The stored connection string/,
      /^- billing: NEW\n {2}stored in: secret prod\/billing\/tls-auditor\n {2}sslmode: require\n/m,
      'sslmode=verify-full',
    ],
  ])('the email names %s and how to fix it', (_, title, finding, fix) => {
    const group = email.split(/^=+\n/m).find((text) => title.test(text)) ?? '';
    const [findings = '', remedy = ''] = group.split('How to fix:');
    expect(findings).toMatch(finding);
    expect(remedy).toContain(fix);
  });

  test('the email has what came and went before the run, with its logins', () => {
    const words = email.replaceAll(/\s+/g, ' ');
    const gone = (role: string, application: string, logins: string) =>
      `role "${role}", database "shop", application "${application}" ${logins} in the last 24 h from 127.0.0.1`;
    expect(words).toContain(gone('backup', 'nightly-dump', '1 login'));
    expect(words).toContain(gone('crm', 'crm-sync', '3 logins'));
    expect(words.match(/; 0 open at the moment of the run/g)).toHaveLength(2);
    expect(words).toMatch(/HIGH: Client that falls back to plaintext .*application "crm-sync" .* times: 3/);
  });

  test('the email says what could not be seen, and what loopback means here', () => {
    expect(email).toContain('NOT AUDITED: archive (certificate-untrusted).');
    expect(email).not.toContain('records-export');
    const words = email.replaceAll(/\s+/g, ' ');
    expect(words).toContain(
      'is signed by CN=Archive Team CA, which is not in the CA bundle, which holds CN=Example Corp Root CA (UNABLE_TO_VERIFY_LEAF_SIGNATURE)',
    );
    expect(words).toContain('Loopback sessions count as network sessions');
    expect(outcome.stdout).toContain('every client on one machine is loopback');
  });

  test('the card, the table and the evidence are shown', () => {
    expect(outcome.stdout).toMatch(/┌─ Amazon Q {2}APP ─+\n│ 🔴 1 critical, 6 high, 3 medium \(new\): shop/);
    expect(outcome.stdout).toMatch(/^ledger +127\.0\.0\.1:\d+ +\+ clean +1\.3 +2 +0 +0 +none$/m);
    expect(outcome.stdout).toMatch(/^shop +TLSv1\.3 +TLS_AES_\w+ +127\.0\.0\.1 +bound +1 +\d+ ms$/m);
    expect(outcome.stdout).toMatch(/^archive +no password was sent: certificate-untrusted$/m);
  });

  test('no receiver is notified of the same again, and on the next day what became of it', () => {
    const later = outcome.stdout.slice(outcome.stdout.indexOf('━━ A quarter of an hour later'));
    expect(later).toContain(
      'Nothing sent. Still open: 13 already reported, 1 muted until tomorrow,\n4 below alerts.minSeverity.',
    );
    const [, mail = ''] = /┌─ email ─+\n([^└]*)└/.exec(later) ?? [];
    const words = mail.replaceAll(/[│\s]+/g, ' ');
    expect(words).toContain('[9 reminders of findings that were reported a day ago are left out here.]');
    expect(words).toMatch(
      /- shop: MUTE EXPIRED role "migration", database "shop", application "flyway" .* by shop team: moves/,
    );
    expect(words).toMatch(
      /RESOLVED - shop: Unencrypted session of a superuser .* application "psql" resolved: this run looked for it and did not/,
    );
    expect(mail).not.toContain('checkout-worker');
    expect(later).toMatch(/│ Today: 🔴 1 critical, .*: shop\n│ {3}↳ Tomorrow: 🟠 .*1 mute ended.*4 resolved/);
    expect(later).toContain('Checked: each finding was sent once');
  });

  test('no secret is in what it prints', () => {
    expect(passwords.length).toBeGreaterThanOrEqual(15);
    for (const password of passwords) expect(outcome.stdout).not.toContain(password);
    expect(outcome.stdout).not.toMatch(/PRIVATE KEY|BEGIN CERTIFICATE|"password"|:\/\/\w+:[^\s@]+@/);
  });

  test('what no terminal shows has no ANSI codes and 80 columns', () => {
    expect(outcome.stdout).not.toContain('\u001b');
    // A link is not broken.
    expect(outcome.stdout.split('\n').filter((line) => line.length > 80 && !line.includes(' https://'))).toEqual([]);
  });
});

test('by default it prints what a newcomer needs, in 80 lines of 80 columns', async () => {
  const { code, stdout, stderr, page } = await runDemo();
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const lines = stdout.trimEnd().split('\n');
  expect(lines.length).toBeLessThanOrEqual(80);
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  expect(stdout).toMatch(/^Open the page {2}pg-tls-auditor-demo\.html$/m);
  expect(page).toContain('<h2>Are we encrypted?</h2>');
  // What earlier runs have kept is on it.
  expect(page).toContain('blocked by 2 clients');
  expect(stdout).toContain('│ 13 new findings on archive, shop and billing: 2 critical, 7 high, 4');
  expect(stdout).toContain('│ NOT AUDITED: archive (certificate-untrusted).');
  expect(stdout).toContain('│ CRITICAL: Unencrypted session of a superuser');
  expect(stdout.match(/^Checked: /gm)).toHaveLength(3);
  expect(stdout).toContain('npm run demo -- --verbose');
});

describe('a run that ends early leaves nothing behind', () => {
  const signal = (name: NodeJS.Signals) => (pid: number) => void process.kill(pid, name);
  const ctrlC = (pid: number) => void process.kill(-pid, 'SIGINT');

  const usual = [
    ['on Ctrl-C in a terminal while the servers start', /Starting/, ctrlC, 130],
    ['when it is killed while the function runs', /Invoking/, signal('SIGKILL'), null],
  ] as const;
  const others = [
    ['on a signal before anything has started', /demo/, signal('SIGTERM'), 143],
    ['on a signal while the servers start', /Starting/, signal('SIGINT'), 130],
    ['when its terminal goes away while sessions are opened', /Opening/, signal('SIGHUP'), 129],
    ['on Ctrl-C in a terminal while the function runs', /Invoking/, ctrlC, 130],
  ] as const;

  test.each(WANTS_ALL ? [...usual, ...others] : usual)('%s', async (_, when, act, code) => {
    const outcome = await runDemo({ when, act });
    expect(outcome.code).toBe(code);
    expect(outcome.stdout).not.toContain('Subject:');
    if (code !== null) expect(outcome.stderr).toBe('\nInterrupted: everything is stopped and removed.\n');
    if (/Opening|Invoking/.test(when.source)) expect(outcome.servedFromFolder).toBe(true);
  });

  test('when nobody reads its output any more', async () => {
    const outcome = await runDemo({ when: /Starting/, act: (_, stdout) => stdout.destroy() });
    expect(outcome).toMatchObject({ code: 141, stderr: '' });
  });

  test('when one of the servers can not be made', async () => {
    const programs = mkdtempSync(join(tmpdir(), 'demo-path-'));
    try {
      // Given: a cp that fails for the third server.
      const script = `#!/bin/sh\ncase "$*" in */s3/data) echo 'disk full' >&2; exit 1;; esac\nPATH=/usr/bin:/bin exec cp "$@"\n`;
      writeFileSync(join(programs, 'cp'), script);
      for (const path of [programs, join(programs, 'cp')]) chmodSync(path, 0o755);
      // When the demo runs with it,
      const outcome = await runDemo({ environment: { PATH: `${programs}:${process.env.PATH}` } });
      // Then it says so.
      expect(outcome.code).toBe(1);
      expect(outcome.stderr).toMatch(/The demo failed: Error: cp [\s\S]*disk full/);
    } finally {
      rmSync(programs, { recursive: true });
    }
  });
});

/** What is changed of the demo's own sources, and how it notices. */
const BROKEN = [
  {
    what: 'the audit misses a client',
    // Workers that are to be found in plaintext, and use TLS.
    module: '/demo/planted.ts',
    change: ["kind: 'plaintext'", "kind: 'tlsv1.3'"],
    said: 'The audit missed: shop: plaintext-session (high), role checkout, database shop',
  },
  {
    what: 'the function forgets',
    // It has no table to remember in.
    module: '/demo/invoke.ts',
    change: ['STATE_TABLE', 'NO_TABLE'],
    said: 'the messages are not what they should be',
  },
] as const;

test.each(WANTS_ALL ? BROKEN : BROKEN.slice(0, 1))('a demo in which $what fails and says so', async (broken) => {
  const [from, to] = broken.change;
  const preload = `
    import { registerHooks } from 'node:module';
    registerHooks({
      load(url, context, next) {
        const loaded = next(url, context);
        if (!url.endsWith('${broken.module}')) return loaded;
        return { ...loaded, source: String(loaded.source).replace(${JSON.stringify(from)}, ${JSON.stringify(to)}) };
      },
    });`;
  const { code, stderr } = await runDemo({ preload });
  expect(code).toBe(1);
  expect(stderr).toContain(broken.said);
});
