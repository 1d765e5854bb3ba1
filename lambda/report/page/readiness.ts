// Renders how far each target is from refusing plaintext, where a plan of enforcement was made.

import { displayText } from '../../model/display.ts';
import { displayProse, plural } from '../text.ts';
import { section } from './document.ts';
import { html, type Markup } from './markup.ts';
import { type Part, shareBar } from './share-bar.ts';
import { some } from './texts.ts';

export const READINESS = ['ready', 'waiting', 'blocked', 'unknown', 'enforced'] as const;
export type Readiness = (typeof READINESS)[number];

/** What the plan says of one target. */
export interface TargetReadiness {
  readonly name: string;
  readonly readiness: Readiness;
  /** Sentences without their period: `2 clients would break`. */
  readonly reasons: readonly string[];
}

/** In the order of the bar: what is done, what can be done, what cannot, what is not known. */
const MEANINGS: Readonly<Record<Readiness, Omit<Part, 'count'>>> = {
  enforced: { name: 'enforced: plaintext is refused', colour: 'c2' },
  ready: { name: 'ready to refuse plaintext', colour: 'c4' },
  waiting: { name: 'waiting: not seen for long enough', colour: 'c1' },
  blocked: { name: 'blocked by clients that would break', colour: 'c0' },
  unknown: { name: 'not known', colour: 'gap' },
};

const MOST_ROWS = 1_000;
const MOST_REASONS = 3;

/** Undefined where there is no plan: then nothing is said, since nothing is known. */
export function readinessSection(plan: readonly TargetReadiness[] | undefined): Markup | undefined {
  if (plan === undefined) return undefined;
  const counts = Map.groupBy(plan, ({ readiness }) => readiness);
  const order: readonly Readiness[] = ['enforced', 'ready', 'waiting', 'blocked', 'unknown'];
  const parts = order.map((readiness): Part => ({ ...MEANINGS[readiness], count: counts.get(readiness)?.length ?? 0 }));
  const worst: readonly Readiness[] = ['blocked', 'unknown', 'waiting', 'ready', 'enforced'];
  const sorted = plan.toSorted((a, b) => worst.indexOf(a.readiness) - worst.indexOf(b.readiness));
  const can = plan.filter(({ readiness }) => readiness === 'ready').length;
  return section(
    'readiness',
    'Readiness to refuse plaintext',
    html`<p><strong>${plural(can, 'database')} of ${plan.length}</strong> can refuse plaintext now, by the plan.</p>${shareBar(
      'Databases by readiness',
      'Readiness',
      parts,
    )}<details class="how"><summary>Readiness of each database</summary>${some(sorted, MOST_ROWS, readinessItem, 'databases')}</details>`,
  );
}

function readinessItem({ name, readiness, reasons }: TargetReadiness): Markup {
  const rest = reasons.length - MOST_REASONS;
  const why = reasons.slice(0, MOST_REASONS).map((reason) => displayProse(reason));
  return html`<p>${readinessBadge(readiness)} <strong>${displayText(name, 255)}</strong>${why.length === 0 ? '' : ': '}${why.join('; ')}${
    rest > 0 ? `; ${rest} more reasons` : ''
  }</p>
`;
}

const BADGES: Readonly<Record<Readiness, string>> = {
  enforced: 'clean',
  ready: 'clean',
  waiting: 'medium',
  blocked: 'high',
  unknown: 'verdict-unknown',
};

export function readinessBadge(readiness: Readiness): Markup {
  return html`<span class="badge ${BADGES[readiness]}">${readiness}</span>`;
}
