// The terminal's view of a connection log: who connected how, what is wrong with that, and what the log does not show.

import { stripVTControlCharacters, styleText } from 'node:util';
import CliTable from 'cli-table3';
import type { LogsDocument } from '../../../lambda/report/logs-schema.ts';
import { wrap } from '../../../lambda/report/messages/wrap.ts';
import { displayTime, evidenceLines, list, PLAIN, plural, remedyLines, who } from '../../../lambda/report/text.ts';

/** Longer lines are hard to read. */
const WIDEST = 200;
const NARROWEST = 40;
const GAP = 2;
const NO_NAME = '(none)';
const NOT_APPLICABLE = '-';
const NOT_KNOWN = '?';
/** Rows that a terminal shows; the JSON document has all. */
const MOST_ROWS = 100;
const MOST_FAILURES = 20;

export interface TableOptions {
  readonly columns: number;
  readonly colour: boolean;
}

type Client = LogsDocument['clients'][number];
type Paint = (text: string) => string;

export function renderLogs(document: LogsDocument, { columns, colour }: TableOptions): string {
  const width = Math.min(Math.max(columns, NARROWEST), WIDEST);
  const heading: Paint = (text) => (colour ? styleText('bold', text, { validateStream: false }) : text);
  const blocks = [
    clientRows(document, width, heading),
    ...findings(document, width, heading),
    failures(document, width, heading),
    gaps(document, width, heading),
    lastLines(document, width, heading),
  ];
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

interface Column {
  readonly heading: string;
  readonly cell: (client: Client) => string;
}

const named = (name: string | null): string => (name === null ? NOT_APPLICABLE : name === '' ? NO_NAME : name);
const time = (iso: string | null): string => (iso === null ? NOT_KNOWN : displayTime(iso).replace(/ UTC$/, ''));

const WHO: readonly Column[] = [
  { heading: 'Transport', cell: transport },
  { heading: 'Role', cell: ({ role, others }) => (others ? '(others)' : named(role)) },
  { heading: 'Database', cell: ({ database, replication }) => (replication ? '(replication)' : named(database)) },
  { heading: 'Application', cell: ({ application }) => named(application) },
  { heading: 'From', cell: from },
];
const LOGINS: Column = { heading: 'Logins', cell: ({ logins }) => String(logins) };
const CIPHER: Column = { heading: 'Cipher', cell: ({ cipher }) => cipher ?? NOT_APPLICABLE };
const FIRST: Column = { heading: 'First (UTC)', cell: ({ firstSeen }) => time(firstSeen) };
const LAST: Column = { heading: 'Last (UTC)', cell: ({ lastSeen }) => time(lastSeen) };

/** From the most to the fewest columns: the first that fits is shown. */
const LAYOUTS: readonly (readonly Column[])[] = [
  [...WHO, CIPHER, LOGINS, FIRST, LAST],
  [...WHO, CIPHER, LOGINS, LAST],
  [...WHO, LOGINS, FIRST, LAST],
  [...WHO, LOGINS, LAST],
  [...WHO, LOGINS],
];

function transport({ transport: kind, tlsVersion, forged, hostKnown, others }: Client): string {
  if (forged) return 'FORGED';
  if (kind === 'tls') return tlsVersion ?? 'TLS';
  return kind === 'plaintext' && !hostKnown && !others ? 'plaintext or local' : kind;
}

function from({ network, addresses, moreAddresses, transport: kind, hostKnown }: Client): string {
  const [only] = addresses;
  if (only !== undefined && addresses.length === 1 && !moreAddresses) return only;
  return network ?? (kind === 'unix-socket' || hostKnown ? NOT_APPLICABLE : NOT_KNOWN);
}

function clientRows({ clients }: LogsDocument, width: number, heading: Paint): string[] {
  if (clients.length === 0) return [];
  const shown = clients.slice(0, MOST_ROWS);
  const left = clients.length - shown.length;
  return [
    ...(table(shown, width, heading) ?? shown.flatMap((client) => item(client, width))),
    ...(left === 0 ? [] : [`and ${left} more, which --format json shows`]),
  ];
}

function table(clients: readonly Client[], width: number, heading: Paint): string[] | undefined {
  for (const columns of LAYOUTS) {
    const grid = new CliTable({
      head: columns.map((column) => heading(column.heading)),
      colAligns: columns.map((column) => (column === LOGINS ? 'right' : 'left')),
      chars: BORDERLESS,
      style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    });
    grid.push(...clients.map((client) => columns.map(({ cell }) => cell(client))));
    const lines = grid.toString().split('\n');
    // The head has no wide characters: its length is the width of all.
    if (stripVTControlCharacters(lines[0] ?? '').length <= width) return lines.map((line) => line.trimEnd());
  }
  return undefined;
}

const BORDERLESS = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '' },
  middle: ' '.repeat(GAP),
};

/** A client where the names have no room beside each other. */
function item(client: Client, width: number): string[] {
  const { role, database, application } = client;
  const facts = [
    transport(client),
    ...[WHO[1], WHO[2]].flatMap((column) =>
      column === undefined ? [] : `${column.heading.toLowerCase()} ${column.cell(client)}`,
    ),
    ...(role === null && database === null ? [] : [`application ${named(application)}`]),
    `from ${from(client)}`,
    plural(client.logins, 'login'),
    `last ${time(client.lastSeen)}`,
  ];
  return wrap(facts.join('; '), width, '- ', '  ');
}

function findings(document: LogsDocument, width: number, heading: Paint): string[][] {
  const groups = [
    ...Map.groupBy(document.findings, ({ severity, check, title }) => `${severity} ${check} ${title}`).values(),
  ];
  return groups.map((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const remedies = new Set(group.map(({ remedy }) => remedy));
    return [
      ...wrap(`${first.severity.toUpperCase()}: ${PLAIN.prose(first.title)} (${first.check})`, width, '', '  ').map(
        heading,
      ),
      ...group.slice(0, MOST_ROWS).flatMap((finding) => {
        const { count, clients = [] } = finding;
        const logins = count === undefined ? [] : [plural(count, 'login')];
        const source = clients.length === 0 ? [] : [`from ${list(clients)}`];
        const facts = [who(finding, PLAIN), [...logins, ...source].join(' '), ...evidenceLines(finding, PLAIN)];
        return wrap(facts.filter((fact) => fact !== undefined && fact !== '').join('; '), width, '  - ', '    ');
      }),
      ...[...remedies].flatMap((remedy) =>
        remedyLines(remedy).flatMap((line, index) => wrap(line, width, index === 0 ? '  Fix: ' : '       ', '       ')),
      ),
    ];
  });
}

const FAILURE_WORDS: Readonly<Record<string, string>> = {
  'version-unsupported': 'TLS handshake failed: no TLS version in common',
  'no-shared-cipher': 'TLS handshake failed: no cipher suite in common',
  'server-not-trusted': "TLS handshake failed: the client does not trust the server's certificate",
  'server-certificate-expired': "TLS handshake failed: the client finds the server's certificate expired",
  'client-certificate': "TLS handshake failed: the client's certificate was refused",
  'closed-early':
    'TLS handshake not finished: the client went away, as clients do that do not trust the certificate, and health checks',
  'not-tls': 'no TLS: another protocol was spoken',
  alpn: 'direct TLS without the ALPN name of PostgreSQL',
  other: 'TLS handshake failed',
  'no-rule': 'refused: no rule of pg_hba.conf matches',
  'reject-rule': 'refused: a reject rule of pg_hba.conf matches',
  pooler: 'refused: the pooler requires TLS',
  missing: 'refused: no client certificate was shown',
  'name-mismatch': 'refused: the client certificate is for another role',
  'authentication-failed': 'refused: authentication by client certificate failed',
  others: 'further failed logins, of other causes or clients',
};

function failures(document: LogsDocument, width: number, heading: Paint): string[] {
  if (document.failures.length === 0) return [];
  const shown = document.failures.slice(0, MOST_FAILURES);
  const left = document.failures.length - shown.length;
  return [
    heading('Logins that failed (names are what the client gave, not verified):'),
    ...shown.flatMap(({ reason, encryption, role, database, network, count, lastSeen }) => {
      const how =
        encryption === null
          ? ''
          : encryption === 'plaintext'
            ? ', without encryption'
            : `, over ${encryption.toUpperCase()}`;
      const client = who({ ...(role === null ? {} : { role }), ...(database === null ? {} : { database }) }, PLAIN);
      const facts = [
        `${FAILURE_WORDS[reason] ?? reason}${how}`,
        client,
        `${count === 1 ? 'once' : `${count} times`}${network === null ? '' : ` from ${network}`}`,
        `last ${time(lastSeen)}`,
      ];
      return wrap(facts.filter((fact) => fact !== undefined).join('; '), width, '  - ', '    ');
    }),
    ...(left === 0 ? [] : [`  and ${left} more, which --format json shows`]),
  ];
}

function gaps({ gaps: all }: LogsDocument, width: number, heading: Paint): string[] {
  if (all.length === 0) return [];
  return [heading('NOT SEEN, so not known:'), ...all.flatMap((gap) => wrap(PLAIN.prose(gap), width, '  - ', '    '))];
}

function lastLines(document: LogsDocument, width: number, heading: Paint): string[] {
  const { window, lines, logins, prefix, format } = document;
  const how = prefix === null ? (format ?? 'no known form') : `${format}, log_line_prefix '${prefix}'`;
  const when =
    window.from === null || window.to === null ? '' : ` from ${displayTime(window.from)} to ${displayTime(window.to)}`;
  return [
    ...wrap(
      `${plural(lines.read, 'line')} (${how}), ${lines.recognised} about connections, ${plural(logins, 'login')}${when}.`,
      width,
    ),
    ...wrap(verdict(document), width).map((line, index) => (index === 0 ? heading(line) : line)),
    ...wrap(
      'A log can convict and never acquit: a client chooses the name that the server logs, and can forge the words of an encrypted login.',
      width,
    ),
  ];
}

function verdict({ findings: found, complete, logins }: LogsDocument): string {
  const insecure = found.filter(({ severity }) => severity !== 'info');
  const others = found.length - insecure.length;
  const info = others === 0 ? '' : `, and ${others} for information`;
  if (insecure.length > 0)
    return `Verdict: ${plural(insecure.length, 'finding')}${info}${complete ? '' : ', and not everything could be read'}.`;
  if (logins === 0) return 'Verdict: no login was read, so nothing is known.';
  return complete
    ? 'Verdict: no insecure login in these lines, which is no proof that there was none.'
    : 'Verdict: not everything could be read; no insecure login in what was.';
}
