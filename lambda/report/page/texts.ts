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

/** Text with a button that copies it, where scripts run. */
function copied(text: string, what: string): Markup {
  return html`<div class="copied"><pre><code>${text}</code></pre><button type="button" data-copy aria-label="Copy ${what}">Copy</button></div>`;
}

export function fingerprint(value: string): Markup {
  return html`<span class="dim">fingerprint <code>${value}</code> <button type="button" data-copy aria-label="Copy fingerprint ${value}">Copy</button></span>`;
}

/** What is to be copied: statements of SQL, rules of pg_hba.conf, commands of a shell, and whatever is indented. */
const COMMAND =
  /^(?:\s+\S|(?:ALTER|CREATE|DROP|GRANT|REVOKE|SELECT)\s.*;$|(?:aws|az|gcloud|openssl|psql|npx)\s|(?:local|host\w*)\s.*\s[\w-]+$)/;

/** A remedy, each line as what it is: a sentence, an item of a list, or a command with a button that copies it. */
export function remedy(text: string): Markup {
  const blocks: { readonly kind: 'command' | 'item' | 'sentence'; readonly lines: string[] }[] = [];
  for (const line of remedyText(text).split('\n')) {
    const kind = COMMAND.test(line) ? 'command' : line.startsWith('- ') ? 'item' : 'sentence';
    const last = blocks.at(-1);
    if (kind !== 'sentence' && last?.kind === kind) last.lines.push(line);
    else blocks.push({ kind, lines: [line] });
  }
  return html`${blocks.map(({ kind, lines }) => {
    if (kind === 'command') return copied(unindented(lines), 'the command');
    if (kind === 'sentence') return html`<p>${lines}</p>`;
    return html`<ul class="facts">${lines.map((line) => html`<li>${line.slice(2)}</li>`)}</ul>`;
  })}`;
}

function unindented(lines: readonly string[]): string {
  const indent = Math.min(...lines.map((line) => line.length - line.trimStart().length));
  return lines.map((line) => line.slice(indent)).join('\n');
}

/** Within this many, the rest is counted. */
export function some<Item>(items: readonly Item[], most: number, show: (item: Item) => Markup, noun: string): Markup {
  const rest = items.length - most;
  const more = rest > 0 ? html`<p class="dim">${rest} more ${noun} not shown here.</p>` : undefined;
  return html`${items.slice(0, most).map(show)}${more}`;
}
