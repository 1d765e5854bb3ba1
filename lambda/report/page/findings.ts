// Renders what needs doing now, what was not seen, and what is muted.

import { compareMoments } from '../../model/time.ts';
import { coverageGapReasons } from '../coverage.ts';
import { type Entry, muteLine } from '../entries.ts';
import { groupEntries } from '../groups.ts';
import { muteMatch, resolvedTitle } from '../lifecycle-text.ts';
import { compareFindings } from '../order.ts';
import type { Report, ReportTarget } from '../schema.ts';
import { displayProse, displayTime, PLAIN, plural, title, who } from '../text.ts';
import { targetNames } from './answer.ts';
import { section, table } from './document.ts';
import { html, type Markup } from './markup.ts';
import { leftOut, remedy, severityBadge, some } from './texts.ts';

/** Bytes of what needs doing, at most: of its list, its frame, and a group with long names. */
export const DUE_BYTES = 400_000;

/** Groups and rows that a section shows; what is beyond is counted. */
const MOST_GROUPS = 40;
const MOST_ROWS = 200;
/** The facts of a finding have the reasons at length. */
const MOST_REASONS = 3;

/** Findings to be acted on, worst first, each kind with its remedy once. */
export function dueSection(entries: readonly Entry[], anchorOf: (target: string) => string | undefined): Markup {
  const due = entries
    .filter(({ status }) => status === 'open')
    .toSorted((a, b) => compareFindings(a.finding, b.finding));
  if (due.length === 0) return section('now', 'What needs doing now', html`<p>No finding is open.</p>`);
  const groups = groupEntries(due);
  return section(
    'now',
    'What needs doing now',
    some(
      groups,
      MOST_GROUPS,
      (group) => {
        const unseen = group.entries.filter(({ isObserved }) => !isObserved).length;
        const [first] = group.entries;
        const name = group.title ?? first?.check?.title ?? group.check;
        const target = first?.finding.target ?? '';
        const anchor = anchorOf(target);
        const names = targetNames(group.entries);
        return html`<div class="item">
<h3>${severityBadge(group.severity)} ${displayProse(name)}</h3>
<p>${anchor === undefined ? names : html`<a href="#${anchor}">${names}</a>`}: ${plural(group.entries.length, 'finding')} of <code>${
          group.check
        }</code>${unseen > 0 ? `, ${unseen} of them not seen by this run` : ''}</p>
<details class="how"><summary>How to fix: ${displayProse(name)}</summary>${
          group.statedAbove ? html`<p>${displayProse(group.remedy)}</p>` : remedy(group.remedy)
        }</details>
</div>
`;
      },
      'groups of findings',
    ),
  );
}

/** Targets that were not audited, or only in part, with the reasons and what to do. */
export function notSeenSection({ targets, warnings = [] }: Report): Markup {
  const missed = targets.filter(({ verdict }) => verdict === 'not-audited');
  const partly = targets
    .filter(({ verdict }) => verdict !== 'not-audited')
    .map((target) => ({ target, reasons: coverageGapReasons(target) }))
    .filter(({ target, reasons }) => target.verdict === 'unknown' || reasons.length > 0);
  const nothing = missed.length + partly.length + warnings.length === 0;
  return section(
    'not-seen',
    'Who was not seen',
    nothing
      ? html`<p>Every database was audited in full.</p>`
      : html`${warnings.map(({ message }) => html`<p>${displayProse(message, 1_000)}</p>`)}${some(
          missed,
          MOST_ROWS,
          notAudited,
          'databases',
        )}${some(partly, MOST_ROWS, partlyAudited, 'databases')}`,
  );
}

function notAudited({ name, error }: ReportTarget): Markup {
  const why = error === undefined ? 'no reason is known' : `${displayProse(error.message, 1_000)} (${error.cause})`;
  const how =
    error === undefined
      ? undefined
      : html`<details class="how"><summary>How to fix: ${PLAIN.target(name)}</summary>${remedy(error.remedy)}</details>`;
  return html`<div class="item"><h3>${PLAIN.target(name)}: <span class="not-audited">not audited</span></h3><p>${why}</p>${how}</div>
`;
}

function partlyAudited({
  target,
  reasons,
}: {
  readonly target: ReportTarget;
  readonly reasons: readonly string[];
}): Markup {
  const rest = reasons.length - MOST_REASONS;
  return html`<div class="item"><h3>${PLAIN.target(target.name)}: <span class="verdict-unknown">seen in part</span></h3><ul class="facts">${reasons
    .slice(0, MOST_REASONS)
    .map(
      (reason) => html`<li>${displayProse(reason, 1_000)}</li>`,
    )}${rest > 0 ? html`<li>${rest} more</li>` : undefined}</ul></div>
`;
}

/** Mutes with owners and ends, and the findings that they keep out of messages: those are still there. */
export function muteSection({ mutes = [], omittedMutes = 0 }: Report, entries: readonly Entry[]): Markup | undefined {
  const muted = entries.filter(({ status }) => status === 'muted');
  if (mutes.length + muted.length + omittedMutes === 0) return undefined;
  const rows = mutes
    .toSorted((a, b) => compareMoments(a.expires, b.expires))
    .slice(0, MOST_ROWS)
    .map((mute) => [
      muteMatch(mute, PLAIN),
      PLAIN.prose(mute.owner),
      `${displayTime(mute.expires)}${mute.expired ? ', ended' : ''}`,
      PLAIN.prose(mute.reason),
      mute.matched,
      mute.unusedSince === undefined ? '' : `matches nothing since ${mute.unusedSince.slice(0, 10)}`,
    ]);
  const columns = [
    { name: 'Matches' },
    { name: 'Owner' },
    { name: 'Ends' },
    { name: 'Reason' },
    { name: 'Findings', numeric: true },
    { name: 'Use' },
  ];
  return section(
    'mutes',
    'Mutes',
    html`<p>${plural(muted.length, 'finding')} muted: open, and kept out of messages only.</p>${
      rows.length === 0 ? undefined : table('Mutes of the configuration, the first to end at the top', columns, rows)
    }${leftOut(mutes.length - rows.length + omittedMutes, 'mutes')}${some(muted, MOST_ROWS, mutedItem, 'muted findings')}`,
  );
}

function mutedItem({ finding, mute }: Entry): Markup {
  return html`<p>${severityBadge(finding.severity)} ${PLAIN.target(finding.target)}: ${title(finding, PLAIN)}${client(finding)}${
    mute === undefined ? undefined : html`, <span class="dim">${muteLine(mute)}</span>`
  }</p>
`;
}

/** `: role "app", database "shop"`; nothing where it is not about a client. */
function client(finding: Entry['finding']): string {
  const name = who(finding, PLAIN);
  return name === undefined ? '' : `: ${name}`;
}

/** What is over since the last run. */
export function resolvedSection(entries: readonly Entry[]): Markup | undefined {
  const resolved = entries.filter(({ status }) => status === 'resolved');
  if (resolved.length === 0) return undefined;
  return section('resolved', 'Over since the last run', some(resolved, MOST_ROWS, resolvedItem, 'findings'));
}

function resolvedItem({ finding }: Entry): Markup {
  const what = 'resolution' in finding ? resolvedTitle(finding, PLAIN) : title(finding, PLAIN);
  return html`<p>${PLAIN.target(finding.target)}: ${what}${client(finding)}</p>
`;
}
