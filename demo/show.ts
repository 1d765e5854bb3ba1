// Renders for the demo what was planted, what people receive, and what it rests on.

import { stripVTControlCharacters } from 'node:util';
import { renderTable } from '../bin/command-line/terminal/table.ts';
import { bodyFor, type PublishedMessage } from '../lab/aws.ts';
import { wrap } from '../lambda/report/messages/wrap.ts';
import type { Report, ReportTarget } from '../lambda/report/schema.ts';
import { type CardContent, previewCard } from './chat-preview.ts';
import type { PlantedTarget } from './planted.ts';
import { columns, framed, heading, ruleWidth, type Screen } from './screen.ts';

export function showIntroduction(screen: Screen): string {
  return [
    heading(screen, 'pg-tls-auditor, the demo'),
    'Real PostgreSQL servers, real TLS and the real Lambda handler, all of it on this',
    'machine: no AWS account, no Docker, no internet.',
    '',
  ].join('\n');
}

/** Who is connected, good and bad, to be compared with what the audit finds; the clients only if `verbose`. */
export function showPlanted(screen: Screen, targets: readonly PlantedTarget[], verbose: boolean): string {
  return [
    '',
    ...targets.flatMap(({ name, about, clients }) => [
      `  ${screen.paint(name, 'bold')}: ${about}`,
      ...columns(
        (verbose ? clients : []).map(({ kind, role, database, applications }) => [
          `    ${HOW[kind]}`,
          `${role}@${database}`,
          summary(applications),
        ]),
      ),
    ]),
    '',
    '  To PostgreSQL every client on one machine is loopback. The demo therefore',
    '  sets policy.loopback to "network": they count as network sessions.',
    '',
  ].join('\n');
}

const HOW: Readonly<Record<PlantedTarget['clients'][number]['kind'], string>> = {
  'tlsv1.3': 'TLSv1.3',
  'tlsv1.2': 'TLSv1.2',
  'tlsv1.2-weak-cipher': 'TLSv1.2, weak cipher',
  'tlsv1.1': 'TLSv1.1',
  tlsv1: 'TLSv1',
  plaintext: 'plaintext',
  'unix-socket': 'Unix socket',
};

/** `worker-1`, or `worker-1 to -3`. */
function summary(applications: readonly string[]): string {
  const [first = ''] = applications;
  const last = /-\d+$/.exec(applications.at(-1) ?? '')?.[0];
  return applications.length === 1 || last === undefined ? first : `${first} to ${last}`;
}

export function showEmail(screen: Screen, message: PublishedMessage): string {
  const subject = wrap(`Subject: ${message.subject}`, ruleWidth(screen) - 4, '', '         ');
  const body = bodyFor(message, 'email').trimEnd().split('\n');
  return [
    heading(screen, 'What a person receives by email'),
    framed(screen, 'email', [...subject.map((line) => screen.paint(line, 'bold')), '', ...body], 'dim'),
    '',
  ].join('\n');
}

/**
 * Of the email: its subject, its summary, the superuser in plaintext and how to fix it, and a line for each other
 * group.
 */
export function showEmailInShort(screen: Screen, message: PublishedMessage): string {
  const subject = wrap(`Subject: ${message.subject}`, ruleWidth(screen) - 4, '', '         ');
  const [summary = '', ...sections] = bodyFor(message, 'email')
    .trimEnd()
    .split(/\n\n=+\n/);
  const groups = sections.filter((section) => IN_EMAIL.test(section));
  const full = groups.find((section) => section.includes(SHOWN_IN_FULL)) ?? groups[0] ?? '';
  const others = groups.filter((section) => section !== full);
  // There must be room for how to fix it.
  const shown = full.split('\n').filter((line) => !/^ +(?:first login|sources): /.test(line));
  const lines = [
    ...subject.map((line) => screen.paint(line, 'bold')),
    '',
    ...summary.split('\n'),
    '',
    ...shown.slice(0, SHOWN_LINES),
    ...(shown.length > SHOWN_LINES ? ['  […]'] : []),
    '',
    `[${others.length} more groups, each with its findings and how to fix them:]`,
    ...others.map((section) => `  ${section.split('\n')[0]}`),
  ];
  return [
    heading(screen, 'What a person receives by email: its main part'),
    framed(screen, 'email', lines, 'dim'),
    '',
  ].join('\n');
}

const SHOWN_IN_FULL = 'Unencrypted session of a superuser';
/** The whole default output must fit on two screens. */
const SHOWN_LINES = 14;

export function showCard(screen: Screen, message: PublishedMessage): string {
  const { content } = JSON.parse(bodyFor(message, 'https')) as { readonly content: CardContent };
  return [
    heading(screen, 'What a channel receives in Slack'),
    framed(screen, 'Amazon Q  APP', previewCard(screen, content, ruleWidth(screen) - 4), 'red'),
    '',
  ].join('\n');
}

/** Without the findings that the email shows. */
export function showTable(screen: Screen, report: Report): string {
  const { columns, colour } = screen;
  const [overview = '', ...blocks] = renderTable(report, { columns, colour }).split('\n\n');
  const rest = blocks.filter((block) => !IN_EMAIL.test(stripVTControlCharacters(block)));
  return [
    heading(screen, 'What the handler answers, as the command line shows it'),
    [overview, '[The findings of the email are left out here. The others follow.]', ...rest].join('\n\n'),
  ].join('\n');
}

/** alerts.minSeverity is "medium" by default. */
const IN_EMAIL = /^(CRITICAL|HIGH|MEDIUM):/;

/** Facts about the auditor's own connections, which its findings rest on. */
export function showEvidence(screen: Screen, { targets }: Report): string {
  return [
    heading(screen, "What it rests on: the auditor's own connections"),
    ...columns([['Target', 'TLS', 'Cipher suite', 'Verified for', 'Login', 'Trips', 'Time'], ...targets.map(evidence)]),
    '',
    'Login: SCRAM bound to the TLS channel, so that nothing can stand in between.',
    'Trips: round trips after login. Time: connect, verify, log in and ask.',
    '',
  ].join('\n');
}

function evidence({ name, link, error }: ReportTarget): string[] {
  if (link === null) {
    return [name, `${error?.phase === 'tls' ? 'no password was sent' : 'not audited'}: ${error?.cause}`];
  }
  const { tlsVersion, cipher, verifiedName, channelBinding, roundTrips, timings } = link;
  const time = Object.values(timings).reduce((sum, part) => sum + part, 0);
  return [
    name,
    tlsVersion,
    cipher,
    verifiedName,
    channelBinding ? 'bound' : 'NOT bound',
    String(roundTrips),
    `${Math.round(time)} ms`,
  ];
}

export interface Proof {
  readonly findings: number;
  readonly passwords: number;
  readonly seconds: number;
}

export function showProof({ findings, passwords, seconds }: Proof): string {
  return [
    `Checked: the audit found all ${findings} things planted here, and nothing else.`,
    'Checked: each finding was sent once, and the next day what became of it.',
    `Checked: none of ${passwords} passwords is in the log, the messages or this output.`,
    `Everything is stopped and removed again. The demo took ${seconds.toFixed(1)} s.`,
    '',
  ].join('\n');
}

/** @param page - Path of the page that the demo wrote. */
export function showNextSteps(screen: Screen, verbose: boolean, page: string): string {
  return [
    heading(screen, 'What next'),
    ...columns([
      ['Open the page', page],
      ...(verbose ? [] : [['See more', 'npm run demo -- --verbose: every message and table in full']]),
      ['Use it', 'npx pg-tls-auditor audit --url postgres://USER@HOST/DB --ca FILE'],
      ['', 'on a database of your own, with its password in PGPASSWORD'],
      ['Deploy it', 'npx cdk deploy, once auditor.config.json names your databases'],
    ]),
  ].join('\n');
}
