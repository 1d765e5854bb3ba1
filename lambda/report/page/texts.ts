// Renders what the parts of a page share: badges, facts, remedies with their commands, fingerprints.

import type { Severity } from '../../model/severity.ts';
import { type Entry, factLines } from '../entries.ts';
import type { ReportTarget } from '../schema.ts';
import { remedyText } from '../text.ts';
import { html, type Markup } from './markup.ts';

export function severityBadge(severity: Severity): Markup {
  return html`<span class="badge ${severity}">${severity}</span>`;
}

const VERDICTS: Readonly<Record<ReportTarget['verdict'], string>> = {
  clean: 'clean',
  findings: 'findings',
  unknown: 'partly audited',
  'not-audited': 'not audited',
};

export function verdictText(verdict: ReportTarget['verdict']): string {
  return VERDICTS[verdict];
}

/** The facts of a finding, one an item. */
export function facts(entry: Entry): Markup {
  return html`<ul class="facts">${factLines(entry).map((line) => html`<li>${line}</li>`)}</ul>`;
}

/** A scheme that a text which is safe to show has taken apart, so that no mail client makes a link of it. */
const SCHEME = /\b(postgres(?:ql)?)\[:\]\/\//g;

/** Text to copy, as it has to be: the script puts a button beside it. @param text - Safe to show. */
export function copied(text: string): Markup {
  return html`<code data-copy>${text.replaceAll(SCHEME, '$1://')}</code>`;
}

export function fingerprint(value: string): Markup {
  return html`<span class="dim">fingerprint ${copied(value)}</span>`;
}

/** What is to be copied: statements of SQL, rules of pg_hba.conf, commands of a shell, and whatever is indented. */
const COMMAND =
  /^(?:\s+\S|(?:ALTER|CREATE|DROP|GRANT|REVOKE|SELECT)\s.*;$|(?:aws|az|gcloud|openssl|psql|npx)\s|(?:local|host\w*)\s.*\s[\w-]+$)/;

/** A remedy of many rules has their lines one after the other. */
const MOST_LINES = 80;
const MOST_CHARACTERS = 12_000;

/** A remedy, each line as what it is: a sentence, an item of a list, or a command with a button that copies it. */
export function remedy(text: string): Markup {
  const blocks: { readonly kind: 'command' | 'item' | 'sentence'; readonly lines: string[] }[] = [];
  const lines = remedyText(text).split('\n');
  const shown = lines.slice(0, MOST_LINES);
  while (shown.length > 1 && shown.reduce((sum, { length }) => sum + length, 0) > MOST_CHARACTERS) shown.pop();
  for (const line of shown) {
    const kind = COMMAND.test(line) ? 'command' : line.startsWith('- ') ? 'item' : 'sentence';
    const last = blocks.at(-1);
    if (kind !== 'sentence' && last?.kind === kind) last.lines.push(line);
    else blocks.push({ kind, lines: [line] });
  }
  return html`${blocks.map(({ kind, lines }) => {
    if (kind === 'command') return html`<pre>${copied(unindented(lines))}</pre>`;
    if (kind === 'sentence') return html`<p>${lines}</p>`;
    return html`<ul class="facts">${lines.map((line) => html`<li>${line.slice(2)}</li>`)}</ul>`;
  })}${leftOut(lines.length - shown.length, 'lines')}`;
}

function unindented(lines: readonly string[]): string {
  const indent = Math.min(...lines.map((line) => line.length - line.trimStart().length));
  return lines.map((line) => line.slice(indent)).join('\n');
}

/** Bytes of a list that is not the one of the targets. */
const LIST_BYTES = 300_000;

/** As many as are wanted and fit; the rest is counted. */
export function some<Item>(items: readonly Item[], most: number, show: (item: Item) => Markup, noun: string): Markup {
  const shown: Markup[] = [];
  let bytes = 0;
  for (const item of items.slice(0, most)) {
    const markup = show(item);
    bytes += Buffer.byteLength(markup.toString());
    if (bytes > LIST_BYTES) break;
    shown.push(markup);
  }
  return html`${shown}${leftOut(items.length - shown.length, noun)}`;
}

/** Says how many are not shown; nothing where all are. */
export function leftOut(count: number, noun: string): Markup | undefined {
  return count > 0 ? html`<p class="dim">${count} more ${noun} not shown here.</p>` : undefined;
}
