// Renders the shares of TLS versions, cipher suites and post-quantum key exchange, and the certificates on a time axis.

import { DAY_MS, msBetween } from '../../model/time.ts';
import { isOlderThan } from '../../model/tls.ts';
import type { Report, ReportTarget } from '../schema.ts';
import { displayTime, PLAIN, plaintextSessions, plural } from '../text.ts';
import { section } from './document.ts';
import { html, type Markup } from './markup.ts';
import { COLOURS } from './plot-frame.ts';
import { type Part, shareBar } from './share-bar.ts';
import { type Span, spanPlot } from './span-plot.ts';

const MOST_CERTIFICATES = 300;
/** How far the axis of certificates reaches. */
const AXIS_DAYS = 400;

export function tlsSection({ policy, targets }: Report): Markup {
  const seen = targets.filter(({ sessions }) => sessions !== null);
  const unseen = targets.length - seen.length;
  const hidden = seen.reduce((sum, { sessions }) => sum + (sessions?.hidden ?? 0), 0);
  const plaintext = seen.reduce((sum, target) => sum + plaintextSessions(policy.loopback, target).network, 0);
  const versions = new Map<string, number>();
  for (const { sessions } of seen) {
    for (const [version, count] of Object.entries(sessions?.byTlsVersion ?? {})) {
      versions.set(version, (versions.get(version) ?? 0) + count);
    }
  }
  const ordered = [...versions].sort(([a], [b]) => (a < b ? 1 : -1));
  const parts: Part[] = [
    ...ordered.map(([name, count], index) => ({
      name: PLAIN.target(name),
      count,
      colour: isOlderThan(name, policy.minTlsVersion) ? 'c1' : (['c2', 'c3', 'c4'][index % 3] ?? 'c4'),
    })),
    { name: 'plaintext over the network', count: plaintext, colour: 'c0' },
    { name: 'hidden from the auditor', count: hidden, colour: 'gap' },
  ];
  const ciphers = Map.groupBy(
    targets.flatMap(({ link }) => (link === null ? [] : [link.cipher])),
    (cipher) => cipher,
  );
  const notAsked = targets.filter(({ link }) => link === null).length;
  return section(
    'tls',
    'TLS versions and cipher suites',
    html`<p>Open sessions of ${plural(seen.length, 'database')}.${unseen > 0 ? ` Of ${plural(unseen, 'other')} the sessions are not known.` : ''}</p>
${shareBar('Open sessions by TLS version', 'TLS version', parts)}
<p>The cipher suite that each server chose for the auditor's own connection. A report has no count of the cipher suites of other sessions; weak ones are findings.</p>
${shareBar('Databases by cipher suite', 'Cipher suite', [
  ...topParts([...ciphers].map(([name, { length }]) => [PLAIN.target(name), length])),
  { name: 'not connected', count: notAsked, colour: 'gap' },
])}`,
  );
}

/** The largest, each in a colour of its own; the others together. */
function topParts(counts: readonly (readonly [name: string, count: number])[]): Part[] {
  const sorted = counts.toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  const most = COLOURS - 2;
  const rest = sorted.slice(most).reduce((sum, [, count]) => sum + count, 0);
  const top = sorted
    .slice(0, most)
    .map(([name, count], index) => ({ name, count, colour: `c${index + 2 > 6 ? 1 : index + 2}` }));
  return rest === 0 ? top : [...top, { name: `${sorted.length - most} others`, count: rest, colour: 'c1' }];
}

export function postQuantumSection({ targets }: Report): Markup {
  const counts = { yes: 0, no: 0, unknown: 0 };
  for (const { probe } of targets) counts[postQuantum(probe)] += 1;
  const known = counts.yes + counts.no;
  return section(
    'post-quantum',
    'Post-quantum key exchange',
    html`<p>${
      known === 0
        ? 'Not known of any database: the wire probe finds out ("probe": true, or --probe).'
        : `${counts.yes} of ${plural(known, 'database')} that the wire probe asked ${counts.yes === 1 ? 'chooses' : 'choose'} a post-quantum hybrid.`
    }</p>${shareBar('Databases by key exchange', 'Key exchange', [
      { name: 'post-quantum hybrid', count: counts.yes, colour: 'c2' },
      { name: 'classical only', count: counts.no, colour: 'c1' },
      { name: 'not known', count: counts.unknown, colour: 'gap' },
    ])}`,
  );
}

function postQuantum(probe: ReportTarget['probe']): 'yes' | 'no' | 'unknown' {
  if (probe === null || !('keyExchange' in probe) || !('postQuantum' in probe.keyExchange)) return 'unknown';
  return probe.keyExchange.postQuantum ? 'yes' : 'no';
}

/** Each certificate once, the first to end at the top. */
export function certificateSection({ policy, finishedAt, targets }: Report): Markup {
  const certificates = new Map<string, { certificate: Certificate; isServer: boolean; readonly names: string[] }>();
  for (const { name, link } of targets) {
    for (const [index, certificate] of (link?.certificates ?? []).entries()) {
      const known = certificates.get(certificate.sha256);
      if (known === undefined)
        certificates.set(certificate.sha256, { certificate, isServer: index === 0, names: [name] });
      else known.names.push(name);
    }
  }
  const now = Date.parse(finishedAt);
  const { medium, high } = policy.certificateExpiryDays;
  const spans = [...certificates.values()]
    .sort((a, b) => msBetween(b.certificate.notAfter, a.certificate.notAfter))
    .map(({ certificate, isServer, names }): Span => {
      const days = Math.floor((Date.parse(certificate.notAfter) - now) / DAY_MS);
      return {
        name: `${PLAIN.target(names[0] ?? '')}${names.length > 1 ? ` and ${names.length - 1} more` : ''}${isServer ? '' : ', issuer'}`,
        from: now,
        to: Date.parse(certificate.notAfter),
        colour: days <= high ? 'c0' : days <= medium ? 'c1' : 'c2',
        open: false,
        cells: [
          PLAIN.prose(certificate.subject),
          PLAIN.prose(certificate.issuer),
          displayTime(certificate.notAfter),
          days < 0 ? 'ended' : String(days),
          html`<code>${certificate.sha256}</code>`,
        ],
      };
    });
  const missing = targets.filter(({ link }) => link === null).length;
  const shown = spans.slice(0, MOST_CERTIFICATES);
  const unknown = missing === 0 ? '' : ` Of ${plural(missing, 'database')} the certificate is not known.`;
  return section(
    'certificates',
    'Certificates',
    spans.length === 0
      ? html`<p>No certificate is known.${unknown}</p>`
      : html`<p>What servers present, the first to end at the top.${unknown}</p>${spanPlot({
          caption: `Time left of ${plural(spans.length, 'certificate')}, up to ${AXIS_DAYS} days`,
          period: [now, now + AXIS_DAYS * DAY_MS],
          now,
          rows: 'Database',
          columns: ['Subject', 'Issuer', 'Ends', 'Days left', 'SHA-256'],
          spans: shown,
        })}${spans.length > shown.length ? html`<p class="dim">${spans.length - shown.length} more certificates, which end later, not shown here.</p>` : undefined}`,
  );
}

type Certificate = NonNullable<ReportTarget['link']>['certificates'][number];
