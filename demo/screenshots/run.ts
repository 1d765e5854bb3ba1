// Renders the pictures of the documentation, an email and chat cards, from real messages: docs/images/*.png.
// Needs a Chromium (CHROMIUM names its program; `chromium` by default), an emoji font and pngquant. No test or build
// needs it.

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { RenderedAlert } from '../../lambda/report/messages/sns-message.ts';
import { emailPage, type Page, type Post, threadPage } from './pages.ts';
import { type Sent, story } from './story.ts';

const run = promisify(execFile);
const IMAGES = join(import.meta.dirname, '..', '..', 'docs', 'images');
const BROWSER = process.env.CHROMIUM ?? 'chromium';
/** Legible where a screen has more pixels than CSS has; at 2 the files are twice as large. */
const SCALE = 1.4;

/** Enough for letters, code and four signals. */
const COLOURS = 24;

const folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-pictures-'));
try {
  await mkdir(IMAGES, { recursive: true });
  const [first, second, last] = story();
  await picture('email', emailPage(second.alert, second.at));
  const thread = cardsOf(first).slice(0, 1).map(threadId);
  const replies = [second, last].flatMap((sent) => cardsOf(sent).filter((post) => thread.includes(threadId(post))));
  await picture('card-thread', threadPage([...cardsOf(first).slice(0, 1), ...replies]));
} finally {
  await rm(folder, { recursive: true, force: true });
}

function cardsOf({ chat, at }: Sent): Post[] {
  return chat.map((message) => ({ message, at }));
}

function threadId({ message: { message } }: { readonly message: RenderedAlert }): string {
  const { https } = JSON.parse(message) as { readonly https: string };
  return (JSON.parse(https) as { readonly metadata: { readonly threadId: string } }).metadata.threadId;
}

async function picture(name: string, { width, html }: Page): Promise<void> {
  const file = join(folder, `${name}.html`);
  await writeFile(file, html);
  const dom = await browser('--dump-dom', `--window-size=${width},600`, pathToFileURL(file).href);
  const height = /data-height="(\d+)"/.exec(dom)?.[1];
  if (height === undefined) throw new Error(`${BROWSER} did not say how high the page of ${name} is`);
  const image = join(IMAGES, `${name}.png`);
  const size = `--window-size=${width},${height}`;
  await browser(`--screenshot=${image}`, size, `--force-device-scale-factor=${SCALE}`, pathToFileURL(file).href);
  await run('pngquant', ['--force', '--strip', '--ext', '.png', '--speed', '1', String(COLOURS), image]);
  console.log(`${image}: ${Math.ceil((await stat(image)).size / 1024)} KB`);
}

async function browser(...options: readonly string[]): Promise<string> {
  const { stdout } = await run(
    BROWSER,
    [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--hide-scrollbars',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
      `--user-data-dir=${join(folder, 'profile')}`,
      ...options,
    ],
    { maxBuffer: 8 * 1024 * 1024, timeout: 60_000 },
  );
  return stdout;
}
