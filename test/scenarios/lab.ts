// Sets one running server up as a row wants it, audits it as in production, and puts it back.

import { once } from 'node:events';
import { chown, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect } from 'vitest';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { settingLines } from '../../lab/data-folder.ts';
import { closedPort, recordingTlsProxy } from '../../lab/faulty-servers.ts';
import { HEALTHY_HBA, HEALTHY_SETTINGS } from '../../lab/healthy-server.ts';
import { serverAccount } from '../../lab/lab-folder.ts';
import { AUDITOR, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { openSession, openSessions } from '../../lab/sessions.ts';
import { POLICY } from '../../lab/snapshots.ts';
import { LoginAggregator } from '../../lambda/analysis/connection-log/logins.ts';
import { ConnectionLogReader } from '../../lambda/analysis/connection-log/reader.ts';
import { advance } from '../../lambda/analysis/connection-log/window.ts';
import { type Check, isFleetCheck } from '../../lambda/checks/check.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import { evaluateFleet } from '../../lambda/checks/evaluate-fleet.ts';
import { CHECKS } from '../../lambda/checks/registry.ts';
import { settingsGaps } from '../../lambda/collect/connection-log/settings-gaps.ts';
import type { LogSettings } from '../../lambda/collect/connection-log/source.ts';
import type { ConnectionLogFacts } from '../../lambda/model/connection-log.ts';
import type { Finding, Verdict } from '../../lambda/model/finding.ts';
import { known } from '../../lambda/model/observed.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';
import { buildReport } from '../../lambda/report/build-report.ts';
import type { ReportFinding } from '../../lambda/report/schema.ts';
import { type CertificateName, type Certificates, certificates } from './lab-certificates.ts';
import type { CheckId, Expected, PastClient, Scenario } from './scenario.ts';

/** What the checks that a row judges said. */
export interface Result {
  readonly findings: readonly ReportFinding[];
  /** Checks that could not see all they judge, with what they say of it. */
  readonly unknown: ReadonlyMap<string, string>;
  readonly verdict: Verdict;
}

/** The difference between what was expected and what was found; all empty and undefined when a row is right. */
export interface Difference {
  readonly missing: readonly Expected[];
  readonly unexpected: readonly Pick<Finding, 'check' | 'severity' | 'role' | 'application' | 'evidence'>[];
  readonly unknown: Readonly<Record<string, string>>;
  readonly notUnknown: readonly string[];
  readonly verdict: Verdict;
}

/** As long as a server may take to log what it has to say of a client that is gone. */
const SETTLE_MS = 150;

const LOG_SETTINGS = `SELECT ${Object.entries({
  version: 'server_version',
  logConnections: 'log_connections',
  logDisconnections: 'log_disconnections',
  logDestination: 'log_destination',
  logLinePrefix: 'log_line_prefix',
  logTimezone: 'log_timezone',
  logHostname: 'log_hostname',
  logMinMessages: 'log_min_messages',
  loggingCollector: 'logging_collector',
  logDirectory: 'log_directory',
  logFilename: 'log_filename',
  lcMessages: 'lc_messages',
} satisfies Record<keyof LogSettings, string>)
  .map(([name, setting]) => `current_setting('${setting}') AS "${name}"`)
  .join(', ')}`;

/** Checks that no row leaves out: it would be right by having seen nothing. */
const ALWAYS: readonly CheckId[] = ['target-not-audited', 'insufficient-privileges'];

export class Lab implements AsyncDisposable {
  readonly #server: PostgresServer;
  readonly #certificates: Certificates;
  /** What lab.conf is before a row adds to it. */
  readonly #settings: string;

  private constructor(server: PostgresServer, made: Certificates, settings: string) {
    this.#server = server;
    this.#certificates = made;
    this.#settings = settings;
  }

  static async start(major: number): Promise<Lab> {
    const made = await certificates();
    const server = await startPostgres({
      major,
      tls: { certificate: made.of('good'), clientCa: made.root('lab') },
      hba: HEALTHY_HBA,
      // Subscriptions are looked at, not followed.
      settings: { max_logical_replication_workers: 0 },
      roles: [
        AUDITOR,
        { name: 'monitor', grants: ['pg_monitor'] },
        { name: 'reader', grants: ['pg_read_all_stats'] },
        { name: 'blind' },
        { name: 'boss', attributes: 'SUPERUSER' },
        { name: 'app' },
        { name: 'billing' },
        { name: 'standby', attributes: 'REPLICATION' },
        { name: 'rdsadmin' },
      ],
      databases: ['orders', 'reports'],
    });
    try {
      // Rows that audit this database look at one where the login was not given all it needs.
      const [readRules] = AUDITOR.executes;
      await server.adminQuery(`REVOKE EXECUTE ON FUNCTION ${readRules} FROM tls_auditor`);
      for (const name of made.names) {
        const { chainPem, keyPem } = made.of(name);
        await writeServerFile(server, `${name}.crt`, chainPem);
        await writeServerFile(server, `${name}.key`, keyPem);
      }
      const settings = await readFile(join(server.dataFolder, 'lab.conf'), 'utf8');
      return new Lab(server, made, settings);
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Sets the server up, audits it, and undoes what the next row would not overwrite. */
  async run(row: Scenario): Promise<Result> {
    await using stack = new AsyncDisposableStack();
    await this.#configure(row);
    const { before = [], after = [] } = row.sql ?? {};
    stack.defer(async () => {
      for (const statement of after) await this.#server.adminQuery(statement, undefined, 'orders');
    });
    for (const statement of before) await this.#server.adminQuery(statement, undefined, 'orders');
    const sessions = (row.sessions ?? []).map(({ clientCertificate, ...options }) => ({
      role: 'app',
      ...options,
      ca: this.#certificates.root('lab'),
      ...(clientCertificate === undefined ? {} : { clientCertificate: this.#certificates.of(clientCertificate) }),
    }));
    stack.use(await openSessions(this.#server, sessions));
    const log = row.log === undefined ? {} : { connectionLog: known(await this.#logged(row.log)) };
    const cloud = row.cloud === undefined ? {} : { cloud: row.cloud };
    return outcomeFor(row, { ...(await this.#audit(row, stack)), ...log, ...cloud });
  }

  /** What the server logs of clients that come and go, as an audit concludes it. */
  async #logged(clients: readonly PastClient[]): Promise<ConnectionLogFacts> {
    const from = this.#server.log().split('\n').length;
    for (const client of clients) await this.#comeAndGo(client);
    await wait(SETTLE_MS);
    const rows = await this.#server.adminQuery<Record<keyof LogSettings, string>>(LOG_SETTINGS);
    const [settings] = rows;
    if (settings === undefined) throw new Error('the server shows no settings');
    const aggregator = new LoginAggregator({ hourly: true });
    const reader = new ConnectionLogReader({
      prefix: settings.logLinePrefix,
      onEvent: (event, record) => {
        // The lab's own sessions, by which it sets rows up.
        if (record.host !== '[local]' || (event.kind === 'authorized' && event.role !== 'postgres')) {
          aggregator.add(event, record);
        }
      },
    });
    reader.push(Buffer.from(`${this.#server.log().split('\n').slice(from).join('\n')}\n`));
    reader.end();
    const now = Date.now();
    const gaps = settingsGaps(settings, { source: 'cloudwatch-logs', verifiedName: this.#server.host });
    const read = { logins: aggregator.result(), position: null, gaps, from: now - 86_400_000, now };
    return advance(undefined, { ...read, source: 'server-files' }).facts;
  }

  async #comeAndGo(past: PastClient): Promise<void> {
    const ca = this.#certificates.root('lab');
    const open = (options: Parameters<typeof openSession>[1]) => openSession(this.#server, { ca, ...options });
    switch (past.client) {
      case 'login': {
        const { kind, application: applicationName } = past;
        await (await open({ kind, role: 'app', applicationName }))[Symbol.asyncDispose]();
        return;
      }
      case 'too-old':
        await expect(open({ kind: 'tlsv1.1', role: 'app' })).rejects.toThrow();
        return;
      case 'foreign-certificate': {
        const clientCertificate = this.#certificates.of('of-unknown-authority');
        await expect(open({ kind: 'tlsv1.2', role: 'app', clientCertificate })).rejects.toThrow();
        return;
      }
      case 'refused':
        await expect(open({ kind: 'plaintext', role: 'app' })).rejects.toThrow();
        return;
      case 'health-check': {
        const socket = connect(this.#server.port, this.#server.host);
        await once(socket, 'connect');
        socket.destroy();
      }
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server[Symbol.asyncDispose]();
  }

  /** One reload for settings, certificate and rules: connections made after it see all of them. */
  async #configure({ settings = {}, asInstalled = false, hba = HEALTHY_HBA, certificate }: Scenario): Promise<void> {
    const files = certificate === undefined ? {} : serverFiles(certificate);
    const lines = settingLines({ ...(asInstalled ? {} : HEALTHY_SETTINGS), ...files, ...settings });
    await writeFile(join(this.#server.dataFolder, 'lab.conf'), this.#settings + lines);
    await this.#server.writeHba(hba);
    await this.#server.reload();
    const [refused] = await this.#server.adminQuery<{ error: string }>(
      'SELECT error FROM pg_file_settings WHERE error IS NOT NULL',
    );
    if (refused !== undefined) throw new Error(`the server refuses the row's settings: ${refused.error}`);
  }

  async #audit(row: Scenario, stack: AsyncDisposableStack): Promise<Snapshot> {
    const { via = 'address', trusts = ['lab'], clientCertificate, login = 'tls_auditor' } = row;
    const endpoint = {
      host: via === 'localhost' ? 'localhost' : '127.0.0.1',
      port: this.#server.port,
    };
    if (via === 'tls-proxy') {
      const certificate = this.#certificates.of('good');
      endpoint.port = stack.use(await recordingTlsProxy({ certificate, upstream: this.#server })).port;
    }
    if (via === 'closed-port') endpoint.port = (await closedPort()).port;
    const own = clientCertificate === undefined ? undefined : this.#certificates.of(clientCertificate);
    const { snapshot } = await audit(
      {
        ...endpoint,
        probe: row.probe ?? false,
        ...(row.database === undefined ? {} : { database: row.database }),
        ...(via === 'direct-tls' ? { sslNegotiation: 'direct' as const } : {}),
        ...(own === undefined ? {} : { clientCertificate: { secret: 'own' } }),
      },
      {
        db: this.#secret(row, login),
        ca: trusts.map((name) => this.#certificates.root(name)).join(''),
        ...(own === undefined ? {} : { own: own.chainPem + own.keyPem }),
      },
    );
    return snapshot;
  }

  #secret({ stored = 'json', wrongPassword = false }: Scenario, login: string): string {
    if (stored !== 'json') return `${this.#server.connectionString(login)}${stored.parameters}`;
    return rdsSecret(this.#server, login, wrongPassword ? { password: 'not it' } : {});
  }
}

/** The ids of the checks that a row judges. */
export function evaluatedChecks({ evaluates }: Scenario): readonly string[] {
  return evaluates === 'everything' ? CHECKS.map(({ id }) => id) : [...new Set([...evaluates, ...ALWAYS])];
}

function outcomeFor(row: Scenario, snapshot: Snapshot): Result {
  const policy = { ...POLICY, ...row.policy };
  const ids = evaluatedChecks(row);
  const own = evaluate(
    snapshot,
    policy,
    CHECKS.filter((check): check is Check => !isFleetCheck(check) && ids.includes(check.id)),
  );
  const audited = evaluateFleet([{ snapshot, ...own }], policy, {
    coversAllTargets: row.fleet !== 'one-of-several',
    checks: CHECKS.filter(isFleetCheck).filter(({ id }) => ids.includes(id)),
  });
  const report = buildReport({
    startedAt: snapshot.takenAt,
    finishedAt: snapshot.takenAt,
    policy,
    audited,
  });
  const [target] = report.targets;
  const notSeen = (target?.checks ?? []).flatMap(({ id, status, reason = '' }) =>
    status === 'unknown' || status === 'error' || (status === 'fail' && reason !== '') ? [[id, reason] as const] : [],
  );
  return {
    findings: report.findings,
    unknown: new Map(notSeen),
    verdict: target?.verdict ?? 'not-audited',
  };
}

/** Compares as multisets: two findings for one expectation are one too many. */
export function difference({ finds, unknown = [], verdict: _ }: Scenario, result: Result): Difference {
  const left = [...result.findings];
  const missing: Expected[] = [];
  // Those that say most choose first.
  for (const expected of finds.toSorted((a, b) => Object.keys(b).length - Object.keys(a).length)) {
    const index = left.findIndex((finding) => fits(expected, finding));
    if (index === -1) missing.push(expected);
    else left.splice(index, 1);
  }
  return {
    missing,
    unexpected: left.map(({ check, severity, role, application, evidence }) => ({
      check,
      severity,
      evidence,
      ...(role === undefined ? {} : { role }),
      ...(application === undefined ? {} : { application }),
    })),
    unknown: Object.fromEntries([...result.unknown].filter(([id]) => !unknown.includes(id as CheckId))),
    notUnknown: unknown.filter((id) => !result.unknown.has(id)),
    verdict: result.verdict,
  };
}

function fits({ evidence = {}, remedy, ...expected }: Expected, finding: ReportFinding): boolean {
  return (
    Object.entries(expected).every(([name, value]) => finding[name as keyof ReportFinding] === value) &&
    Object.entries(evidence).every(([name, value]) => {
      const found = finding.evidence[name];
      if (value instanceof RegExp) return found !== undefined && value.test(String(found));
      return found === value;
    }) &&
    (remedy === undefined || remedy.test(finding.remedy))
  );
}

function serverFiles(certificate: CertificateName): Readonly<Record<string, string>> {
  return { ssl_cert_file: `${certificate}.crt`, ssl_key_file: `${certificate}.key` };
}

async function writeServerFile(server: PostgresServer, name: string, content: string): Promise<void> {
  const path = join(server.dataFolder, name);
  await writeFile(path, content, { mode: 0o600 });
  if (serverAccount !== undefined) await chown(path, serverAccount.uid, serverAccount.gid);
}
