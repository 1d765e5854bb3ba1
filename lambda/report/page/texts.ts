// Renders what the parts of a page share: badges, facts, remedies with their commands, fingerprints.

import type { Severity } from '../../model/severity.ts';
import { type Entry, factLines, remedyText } from '../exports/entries.ts';
import type { ReportTarget } from '../schema.ts';
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
export function copied(text: string, what: string): Markup {
  return html`<div class="copied"><pre><code>${text}</code></pre><button type="button" data-copy aria-label="Copy ${what}">Copy</button></div>`;
}

export function fingerprint(value: string): Markup {
  return html`<span class="dim">fingerprint <code>${value}</code> <button type="button" data-copy aria-label="Copy fingerprint ${value}">Copy</button></span>`;
}

/** The sentences of a remedy; its indented lines, which are to be copied, as blocks. */
export function remedy(text: string): Markup {
  const blocks: { readonly isCode: boolean; readonly lines: string[] }[] = [];
  for (const line of remedyText(text).split('\n')) {
    const isCode = /^\s+\S/.test(line);
    const last = blocks.at(-1);
    if (last?.isCode === isCode) last.lines.push(line);
    else blocks.push({ isCode, lines: [line] });
  }
  return html`${blocks.map(({ isCode, lines }) => (isCode ? copied(unindented(lines), 'the command') : html`<p>${lines.join(' ')}</p>`))}`;
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
