// Renders the frame of a page: one file without any request, with a policy that allows its own style and script alone.

import { type Content, cspHash, html, type Markup, trusted } from './markup.ts';
import { SCRIPT } from './script.ts';
import { STYLE } from './style.ts';

/** Nothing is loaded from anywhere, and no other script or style runs, whatever a name holds. */
const POLICY = [
  "default-src 'none'",
  `style-src '${cspHash(STYLE)}'`,
  `script-src '${cspHash(SCRIPT)}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

export interface PageFrame {
  readonly title: string;
  /** Under the title: when, what, how much. */
  readonly about: string;
  readonly footer: Content;
}

/** The whole file, with a line end. */
export function renderDocument({ body, ...frame }: PageFrame & { readonly body: readonly Content[] }): string {
  return [documentHead(frame), html`${body}`, documentEnd(frame)].join('');
}

/** What is before the content. */
export function documentHead({ title, about }: PageFrame): string {
  // The charset and the policy come first: nothing before them could be read otherwise, or escape them.
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${trusted(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${trusted(STYLE)}</style>
</head>
<body>
<header><h1>${title}</h1><p>${about}</p></header>
<main>
`.toString();
}

/** What is after it. */
export function documentEnd({ footer }: PageFrame): string {
  return html`
</main>
<footer>${footer}</footer>
<script>${trusted(SCRIPT)}</script>
</body>
</html>
`.toString();
}

/** A part of a page, with its heading. */
export function section(id: string, heading: string, content: Content): Markup {
  return html`<section id="${id}" aria-labelledby="${id}-heading">
<h2 id="${id}-heading">${heading}</h2>
${content}
</section>
`;
}

/** The columns of a table: names, and whether they hold numbers. */
export interface Column {
  readonly name: string;
  readonly numeric?: boolean;
}

/** A table that can be scrolled by keyboard where it is wider than the screen. */
export function table(caption: string, columns: readonly Column[], rows: readonly (readonly Content[])[]): Markup {
  const cellClass = (index: number): Content =>
    columns[index]?.numeric === true ? trusted(' class="number"') : undefined;
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table>
<caption>${caption}</caption>
<thead><tr>${columns.map(({ name }, index) => html`<th scope="col"${cellClass(index)}>${name}</th>`)}</tr></thead>
<tbody>
${rows.map((cells) => html`<tr>${cells.map((cell, index) => html`<td${cellClass(index)}>${cell}</td>`)}</tr>\n`)}</tbody>
</table></div>
`;
}

/** A plot with the same numbers as a table for those who cannot see it. */
export function figure(plot: Markup, numbers: Markup): Markup {
  return html`<figure>${plot}<details class="numbers"><summary>The numbers as a table</summary>${numbers}</details></figure>
`;
}
