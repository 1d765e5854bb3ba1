// Builds web pages that show an email and a chat thread as people see them, to take pictures of.

import type { RenderedAlert } from '../../lambda/report/messages/sns-message.ts';
import type { CardContent } from '../chat-preview.ts';

/** A page and how wide its picture is, in CSS pixels. */
export interface Page {
  readonly width: number;
  readonly html: string;
}

/** A mail reader with one email open. */
export function emailPage({ subject, message }: RenderedAlert, at: string): Page {
  const { email = '' } = JSON.parse(message) as Readonly<Record<string, string>>;
  return page(
    680,
    EMAIL_STYLE,
    `<article class="mail">
      <h1>${escaped(subject)}</h1>
      <p class="from"><span class="avatar">A</span><b>AWS Notifications</b> &lt;no-reply@sns.amazonaws.com&gt;<br>
        <span class="muted">to dba@example.com · ${escaped(shownTime(at))}</span></p>
      <pre>${escaped(email.trimEnd())}</pre>
    </article>`,
  );
}

/** A message in a channel. */
export interface Post {
  readonly message: RenderedAlert;
  /** ISO 8601, UTC. */
  readonly at: string;
}

/** The thread in which these cards are. */
export function threadPage(posts: readonly Post[]): Page {
  const count = posts.length - 1;
  const shown = posts.map(({ message, at }, index) => {
    const replies = `<p class="replies">${count} ${count === 1 ? 'reply' : 'replies'}</p>`;
    return postHtml(message, at) + (index === 0 ? replies : '');
  });
  const heading = '<header><b>Thread</b> <span class="muted">#db-alerts</span></header>';
  return page(760, CHANNEL_STYLE, `<section class="channel">${heading}${shown.join('')}</section>`);
}

const BARS: Readonly<Record<string, string>> = { '🔴': '#c62828', '🟠': '#ef6c00', '🟡': '#f9a825', '✅': '#2e7d32' };

function postHtml({ message }: RenderedAlert, at: string): string {
  const { https = '{}' } = JSON.parse(message) as Readonly<Record<string, string>>;
  const { content } = JSON.parse(https) as { readonly content: CardContent };
  const colour = BARS[[...content.title][0] ?? ''] ?? '#607d8b';
  return `<article class="post">
    <span class="avatar">Q</span>
    <div>
      <p><b>Amazon Q</b> <span class="app">APP</span> <span class="muted">${escaped(shownTime(at))}</span></p>
      <div class="card" style="border-color: ${colour}">
        <h2>${content.title}</h2>
        ${content.description.split('\n\n').map(paragraph).join('')}
        <h3>Next steps</h3>
        <ol>${content.nextSteps.map((step) => `<li>${markup(step)}</li>`).join('')}</ol>
        <p class="keywords">${content.keywords.map((keyword) => `<span>${keyword}</span>`).join(' ')}</p>
      </div>
    </div>
  </article>`;
}

function paragraph(text: string): string {
  return `<p>${markup(text).replaceAll('\n', '<br>')}</p>`;
}

/** Slack's own markdown, as far as cards have any; `&`, `<` and `>` are escaped in it as in HTML. */
function markup(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part, index) =>
      index % 2 === 1 ? `<code>${part.slice(1, -1)}</code>` : part.replaceAll(/\*([^*\n]+)\*/g, '<b>$1</b>'),
    )
    .join('');
}

function shownTime(iso: string): string {
  return iso.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d).*$/, '$1 $2');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** The script leaves the height of the page where a browser without a window can be asked for it. */
function page(width: number, style: string, body: string): Page {
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><style>${COMMON_STYLE}${style}</style><body>${body}
    <script>document.documentElement.dataset.height = Math.ceil(document.body.getBoundingClientRect().height)</script></html>`;
  return { width, html };
}

const COMMON_STYLE = `
  * { box-sizing: border-box; margin: 0; }
  body { font: 15px/1.46 Lato, Inter, "Segoe UI", "Helvetica Neue", "Liberation Sans", sans-serif, "Noto Color Emoji";
    color: #1d1c1d; background: #fff; }
  .muted { color: #616061; font-weight: normal; font-size: 13px; }
  .avatar { display: inline-flex; width: 36px; height: 36px; border-radius: 6px; color: #fff; font-weight: bold;
    align-items: center; justify-content: center; flex: none; }`;

const EMAIL_STYLE = `
  .mail { padding: 24px 28px; }
  .mail h1 { font-size: 20px; line-height: 1.3; margin-bottom: 16px; }
  .mail .from { position: relative; padding: 0 0 16px 48px; border-bottom: 1px solid #e0e0e0; font-size: 14px; }
  .mail .avatar { position: absolute; left: 0; background: #37474f; border-radius: 50%; }
  .mail pre { font: 13px/1.5 "DejaVu Sans Mono", Menlo, Consolas, monospace; padding-top: 18px; white-space: pre-wrap; }`;

const CHANNEL_STYLE = `
  .channel header { padding: 12px 20px; border-bottom: 1px solid #e0e0e0; }
  .post { display: flex; gap: 10px; padding: 14px 20px; }
  .post > div { flex: 1; min-width: 0; }
  .post .avatar { background: #5b3fd6; }
  .app { background: #e8e8e8; color: #616061; font-size: 10px; font-weight: bold; border-radius: 2px; padding: 1px 4px;
    vertical-align: 2px; }
  .card { border-left: 4px solid; border-radius: 4px; padding: 2px 0 2px 12px; margin-top: 6px; }
  .card h2 { font-size: 15px; margin-bottom: 8px; }
  .card h3 { font-size: 15px; margin: 4px 0; }
  .card p { margin-bottom: 10px; overflow-wrap: anywhere; }
  .card ol { padding-left: 22px; margin-bottom: 10px; }
  .card code { font: 12px "DejaVu Sans Mono", Menlo, Consolas, monospace; color: #b3261e; background: #f6f6f6;
    border: 1px solid #ddd; border-radius: 3px; padding: 1px 3px; }
  .keywords { margin: 0; }
  .keywords span { font-size: 12px; background: #f0f0f0; border-radius: 10px; padding: 2px 8px; color: #454545; }
  .replies { margin: 0 20px; padding: 4px 0; color: #616061; font-size: 13px; border-bottom: 1px solid #e0e0e0; }`;
