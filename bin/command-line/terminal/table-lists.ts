// Lists below the findings of a terminal: what is carried over, what is resolved, what is muted.

import { countBySeverity, type DigestEntry } from '../../../lambda/report/digest.ts';
import {
  historyLines,
  label,
  muteAgreement,
  muteMatch,
  resolutionLines,
  resolvedTitle,
} from '../../../lambda/report/lifecycle-text.ts';
import { wrap } from '../../../lambda/report/messages/wrap.ts';
import type { Report, ReportFinding, ReportMute } from '../../../lambda/report/schema.ts';
import { countsText, displayTime, PLAIN, plural, title, who } from '../../../lambda/report/text.ts';

/** Findings that no mute silences. */
export function unmutedFindings({ findings }: Report): ReportFinding[] {
  return findings.filter(({ lifecycle }) => lifecycle?.reason !== 'muted');
}

/** As a message lists it. */
export function toDigestEntry(finding: ReportFinding, isObserved: boolean): DigestEntry {
  return { reason: finding.lifecycle?.reason ?? 'observed', finding, isObserved };
}

export function stillOpen({ carriedOver = [] }: Report, width: number): string[] {
  return listed(
    'Still open, though this run did not see it:',
    carriedOver.map((finding) => {
      const entry = toDigestEntry(finding, false);
      return [
        finding,
        label(entry),
        `${title(finding, PLAIN)} (${finding.severity})`,
        who(finding, PLAIN),
        ...historyLines(entry, PLAIN),
        `fingerprint ${finding.fingerprint}`,
      ];
    }),
    width,
  );
}

export function resolvedLines({ resolved = [] }: Report, width: number): string[] {
  return listed(
    'Resolved:',
    resolved.map((finding) => [
      finding,
      resolvedTitle(finding, PLAIN),
      who(finding, PLAIN),
      ...resolutionLines(finding, PLAIN),
    ]),
    width,
  );
}

function listed(
  heading: string,
  entries: readonly (readonly [{ readonly target: string }, ...(string | undefined)[]])[],
  width: number,
): string[] {
  if (entries.length === 0) return [];
  const lines = entries.flatMap(([{ target }, ...facts]) =>
    wrap(`${PLAIN.target(target)}: ${facts.filter((fact) => fact !== undefined).join('; ')}`, width, '  - ', '    '),
  );
  return [heading, ...lines];
}

export function muteLines(report: Report, width: number): string[] {
  const muted = report.findings.filter(({ lifecycle }) => lifecycle?.reason === 'muted');
  const mutes = report.mutes ?? [];
  const line = (what: string, mute: ReportMute): string[] =>
    wrap(`${what}: ${muteMatch(mute, PLAIN)} (${muteAgreement(mute, PLAIN)})`, width, '', '  ');
  return [
    ...(muted.length > 0 ? [`Muted: ${plural(muted.length, 'finding')} (${countsText(countBySeverity(muted))}).`] : []),
    ...mutes.filter(({ expired }) => expired).flatMap((mute) => line('Expired mute', mute)),
    ...mutes
      .filter(({ expired, unusedSince }) => !expired && unusedSince !== undefined)
      .flatMap((mute) => line(`Mute that has matched nothing since ${displayTime(mute.unusedSince ?? '')}`, mute)),
  ];
}
