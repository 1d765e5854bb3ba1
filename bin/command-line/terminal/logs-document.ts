// Makes the document of the command `logs` of what was read and found.

import type { Logins } from '../../../lambda/analysis/connection-log/logins.ts';
import type { ConnectionLogReader } from '../../../lambda/analysis/connection-log/reader.ts';
import type { ClientLogins, FailedLogins } from '../../../lambda/model/connection-log.ts';
import { displayText } from '../../../lambda/model/display.ts';
import type { Finding } from '../../../lambda/model/finding.ts';
import { compareText } from '../../../lambda/model/text-order.ts';
import { isOlderThan } from '../../../lambda/model/tls.ts';
import type { Transport } from '../../../lambda/model/transport.ts';
import type { LogsDocument } from '../../../lambda/report/logs-schema.ts';
import { compareFindings } from '../../../lambda/report/order.ts';
import { reportFinding } from '../../../lambda/report/report-findings.ts';
import { plural } from '../../../lambda/report/text.ts';

export interface LogsResult {
  readonly reader: Pick<ConnectionLogReader, 'counts' | 'format' | 'prefix' | 'clock'>;
  readonly logins: Logins;
  readonly findings: readonly Finding[];
  /** Files that were not read to their end, as sentences without a final period. */
  readonly fileFaults: readonly string[];
}

export function logsDocument({ reader, logins, findings, fileFaults }: LogsResult): LogsDocument {
  const gaps = [...fileFaults, ...gapsOf(reader, logins)];
  return {
    schemaVersion: 1,
    format: reader.format ?? null,
    prefix: reader.prefix === undefined ? null : displayText(reader.prefix, 200),
    window: { from: moment(logins.from), to: moment(logins.to) },
    lines: { ...reader.counts },
    logins: logins.total,
    complete: gaps.length === 0,
    gaps,
    clients: logins.clients.toSorted(compareClients).map(client),
    failures: logins.failures.toSorted((a, b) => b.count - a.count).map(failure),
    findings: findings.map((finding) => reportFinding(finding, undefined)).sort(compareFindings),
  };
}

function gapsOf({ counts, format, clock }: LogsResult['reader'], logins: Logins): string[] {
  const unknownHosts = loginsOf(logins, ({ transport, hostKnown, forged, others }) => {
    return transport === 'plaintext' && !hostKnown && !forged && !others;
  });
  const others = loginsOf(logins, (row) => row.others);
  const gaps = [
    counts.translated > 0
      ? `${plural(counts.translated, 'line')} about connections in another language than English: set lc_messages = 'C' (ALTER SYSTEM SET lc_messages = 'C'; SELECT pg_reload_conf();), and read what is logged from then on`
      : undefined,
    counts.unreadable > 0
      ? `${plural(counts.unreadable, 'line')} about connections could not be read: torn, cut, or written with another log_line_prefix`
      : undefined,
    logins.total === 0 ? noLogins(counts, format) : undefined,
    unknownHosts > 0
      ? `${plural(unknownHosts, 'login')} without encryption from where the log does not show: they may be local ones. Log arrivals too (log_connections = on), or add %h to log_line_prefix`
      : undefined,
    others > 0 ? `${plural(others, 'login')} of further clients, of which only the transport is known` : undefined,
    clock.unknownZones.size > 0
      ? `times are in a zone whose offset is not known (${[...clock.unknownZones].map((zone) => displayText(zone, 10)).join(', ')}), and read as UTC: set log_timezone = 'UTC'`
      : undefined,
  ];
  return gaps.filter((gap) => gap !== undefined);
}

function noLogins(
  { read, recognised, translated }: LogsResult['reader']['counts'],
  format: string | undefined,
): string {
  if (read === 0 && format === undefined) return 'nothing was given to read: the log is empty';
  if (translated > 0) return 'no login was read';
  const what = recognised === 0 ? 'no line about a connection' : 'no line about a login';
  return `${what} in ${plural(read, 'line')}, which says nothing about who connects: set log_connections = on (PostgreSQL 18: 'receipt,authentication,authorization'), and read what is logged from then on`;
}

function loginsOf({ clients }: Logins, picked: (row: ClientLogins) => boolean): number {
  return clients.filter(picked).reduce((sum, { logins }) => sum + logins, 0);
}

/** Unencrypted over the network first, then deprecated TLS: that is what the reader looks for. */
function compareClients(a: ClientLogins, b: ClientLogins): number {
  return place(a) - place(b) || compareText(a.tls?.version ?? '', b.tls?.version ?? '') || b.logins - a.logins;
}

const PLACES: Readonly<Record<Transport, number>> = { plaintext: 0, loopback: 2, tls: 3, gss: 4, 'unix-socket': 5 };

function place({ transport, tls }: ClientLogins): number {
  return tls !== undefined && isOlderThan(tls.version, 'TLSv1.2') ? 1 : PLACES[transport];
}

function client(row: ClientLogins): LogsDocument['clients'][number] {
  const { tls, first, last, role, database, application, network, addresses } = row;
  return {
    role: name(role),
    database: name(database),
    application: name(application),
    network: name(network),
    addresses: addresses.map((address) => displayText(address)),
    moreAddresses: row.moreAddresses,
    transport: row.transport,
    hostKnown: row.hostKnown,
    forged: row.forged,
    tlsVersion: name(tls?.version),
    cipher: name(tls?.cipher),
    replication: row.replication,
    logins: row.logins,
    firstSeen: moment(first),
    lastSeen: moment(last),
    others: row.others,
  };
}

function failure({
  kind,
  reason,
  encryption,
  role,
  database,
  network,
  count,
  first,
  last,
}: FailedLogins): LogsDocument['failures'][number] {
  return {
    kind,
    reason: displayText(reason),
    encryption: encryption ?? null,
    role: name(role),
    database: name(database),
    network: name(network),
    count,
    firstSeen: moment(first),
    lastSeen: moment(last),
  };
}

function name(raw: string | undefined): string | null {
  return raw === undefined ? null : displayText(raw);
}

function moment(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString();
}
