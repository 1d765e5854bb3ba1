// Renders for a terminal the auditor's own connections, and what could not be observed.

import { displayText } from '../../../lambda/model/display.ts';
import { coverageGapReasons } from '../../../lambda/report/coverage.ts';
import type { Report, ReportTarget } from '../../../lambda/report/schema.ts';
import { displayTime, plural } from '../../../lambda/report/text.ts';

/** With more targets than this, a line for each is too long a list; `--format json` has them all. */
const MOST_TARGETS = 20;

/** What still fits on a line of the narrowest terminal. */
const LONGEST_NAME = 48;

/**
 * One sentence for each target that was reached: its TLS, what its certificate is good for, and where the time went.
 */
export function connectionLines({ targets }: Pick<Report, 'targets'>): readonly string[] {
  const reached = targets.flatMap((target) =>
    target.link === null ? [] : [`${connectionLine(target.name, target.link)}${coverageText(target)}`],
  );
  return reached.length > MOST_TARGETS ? [] : reached;
}

function connectionLine(name: string, link: NonNullable<ReportTarget['link']>): string {
  const { tlsVersion, cipher, verifiedName, channelBinding, certificates, timings, roundTrips } = link;
  const [leaf] = certificates;
  const facts = [
    `${displayText(tlsVersion)} with ${displayText(cipher)}`,
    `verified for ${displayText(verifiedName, LONGEST_NAME)}`,
    ...(leaf === undefined ? [] : [`certificate until ${displayTime(leaf.notAfter)}`]),
    channelBinding ? 'login bound to the channel' : 'login without channel binding',
    `TCP ${timings.tcp} ms, TLS handshake ${timings.tlsHandshake} ms, login ${timings.authentication} ms, queries ${timings.queries} ms in ${plural(roundTrips, 'round trip')}`,
  ];
  return `${displayText(name, LONGEST_NAME)}: ${facts.join('; ')}`;
}

/** Nothing where the sessions of a moment are all that was seen, as without a connection log. */
function coverageText({ coverage, coverageSince, logins }: ReportTarget): string {
  if (coverage === 'continuous' && coverageSince !== undefined) {
    return `; every login since ${displayTime(coverageSince)} by the connection log`;
  }
  if (logins) return `; logins since ${displayTime(logins.from)} as far as the connection log shows them`;
  return coverage === 'sampled' ? '; sessions sampled for some seconds' : '';
}

/** What could not be observed of targets that were audited in part. */
export function coverageGapLines({ targets }: Pick<Report, 'targets'>): readonly string[] {
  return targets
    .filter(({ verdict }) => verdict === 'unknown')
    .flatMap((target) =>
      coverageGapReasons(target).map((reason) => `${displayText(target.name, LONGEST_NAME)}: ${reason}`),
    );
}
