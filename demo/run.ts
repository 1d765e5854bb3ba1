// Runs the demo: PostgreSQL servers with good and bad clients, scheduled runs of the function, and what people receive.
// Exit code 0 only when the audit found exactly what was planted, and each message was sent exactly when it should be.

import { writeFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import type { PublishedMessage } from '../lab/aws.ts';
import { LATEST_PAGE } from '../lambda/report/page-link.ts';
import type { Report } from '../lambda/report/schema.ts';
import { type Act, FIRST_SIGHT, NEXT_DAY, SAME_AGAIN } from './acts.ts';
import { Interruption, interruptions } from './interruption.ts';
import { startFunction } from './invoke.ts';
import { MENDED, TARGETS } from './planted.ts';
import { type Scene, setScene } from './scene.ts';
import { screenFor } from './screen.ts';
import {
  showCard,
  showEmail,
  showEmailInShort,
  showEvidence,
  showIntroduction,
  showNextSteps,
  showPlanted,
  showProof,
  showTable,
} from './show.ts';
import { showLaterInShort, showNextDay, showSilence, showThread } from './show-acts.ts';
import { discrepancies, leaks } from './verify.ts';
import { cardsOf, digestOf, messageDiscrepancies, threadDiscrepancies } from './verify-messages.ts';

/** The page of the last run, for the person to open: the one file that the demo leaves, in the current folder. */
const PAGE = 'pg-tls-auditor-demo.html';

const startedAt = performance.now();
// What a person has set for their own databases (PGSSLMODE, PGOPTIONS) would reach the demo's clients.
for (const name of Object.keys(process.env)) if (/^PG[A-Z]+$/.test(name)) delete process.env[name];
const screen = screenFor(process.stdout);
/** All messages and tables in full, instead of the main parts. */
const verbose = process.argv.includes('--verbose');
const signal = interruptions();

try {
  await play();
} catch (error) {
  if (signal.reason instanceof Interruption) {
    process.exitCode = signal.reason.exitCode;
    if (signal.reason.message !== 'SIGPIPE') console.error('\nInterrupted: everything is stopped and removed.');
  } else {
    process.exitCode = 1;
    console.error('\nThe demo failed:', error);
  }
}

async function play(): Promise<void> {
  console.log(showIntroduction(screen));
  const { scene, log, acts } = await perform();
  signal.throwIfAborted();
  // By now nothing runs any more: a slow reader of the output delays nothing.
  const [first, again, nextDay] = acts;
  const { chatTopicArn } = scene;
  const page = pageOf(scene);
  const posts = acts.flatMap(({ act: { when }, published }) =>
    cardsOf(published, chatTopicArn).map((card) => ({ when, card })),
  );
  const thread = posts.filter(({ card: { target } }) => target === MENDED.target);
  const [post] = thread;
  const [message, nextMessage] = [first, nextDay].map(({ published }) => digestOf(published, chatTopicArn));
  const { report } = first;
  const inShort = [
    ...(message === undefined ? [] : [showEmailInShort(screen, message)]),
    showLaterInShort(screen, again.report, nextMessage),
  ].join('\n');
  const inFull = [
    ...(message === undefined ? [] : [showEmail(screen, message)]),
    ...(post === undefined ? [] : [showCard(screen, post.card.message)]),
    showTable(screen, report),
    showEvidence(screen, report),
    showSilence(screen, again.report),
    ...(nextMessage === undefined ? [] : [showNextDay(screen, nextMessage)]),
    showThread(screen, MENDED.target, thread),
  ].join('\n');
  refuse(
    'a password is where none may be',
    leaks(scene.passwords, {
      'the log': log.join('\n'),
      'a published message': JSON.stringify(scene.aws.published),
      'an answer': JSON.stringify(acts),
      'the output of the demo': inShort + inFull,
      'the page': page,
    }),
  );
  console.log(verbose ? inFull : inShort);
  for (const { act, report: answer, published } of acts) {
    refuse('the audit is not what it should be', discrepancies(act.planted, answer));
    refuse('the messages are not what they should be', messageDiscrepancies(act, published, chatTopicArn));
  }
  refuse('the threads are not what they should be', threadDiscrepancies(posts.map(({ card }) => card)));
  console.log(
    showProof({
      findings: report.findings.length,
      passwords: scene.passwords.length,
      seconds: (performance.now() - startedAt) / 1000,
    }),
  );
  await writeFile(PAGE, page);
  console.log(showNextSteps(screen, verbose, PAGE));
}

/** The newest page that the function has archived. */
function pageOf({ aws: { objects } }: Scene): string {
  const archived = objects.findLast(({ key }) => key === LATEST_PAGE);
  if (archived === undefined) throw new Error('the function has archived no page');
  return gunzipSync(archived.body).toString('utf8');
}

function refuse(what: string, problems: readonly string[]): void {
  if (problems.length > 0) throw new Error(`${what}:\n${problems.join('\n')}`);
}

interface Played {
  readonly act: Act;
  readonly report: Report;
  /** What it published. */
  readonly published: readonly PublishedMessage[];
}

interface Performance {
  readonly scene: Scene;
  /** Of the function. */
  readonly log: readonly string[];
  readonly acts: readonly [Played, Played, Played];
}

/** Sets the scene, runs the function once for each act and clears everything away. */
async function perform(): Promise<Performance> {
  const say = (step: string): void => console.log(step);
  await using scene = await setScene({ say, signal });
  say(showPlanted(screen, TARGETS, verbose));
  await using running = startFunction(scene, signal);
  const perform = async (act: Act): Promise<Played> => {
    const before = scene.aws.published.length;
    const { report, milliseconds } = await running.invoke(act.hours);
    // The later runs take no longer: in short they would only take lines.
    if (act === FIRST_SIGHT || verbose) say(summarise(report, milliseconds));
    return { act, report, published: scene.aws.published.slice(before) };
  };
  say('Invoking the Lambda handler as EventBridge Scheduler does …');
  const first = await perform(FIRST_SIGHT);
  say('Once more, a quarter of an hour later by its clock …');
  const again = await perform(SAME_AGAIN);
  say(`And a day later; ${MENDED.role} connects with TLS now …`);
  await scene.mend();
  const nextDay = await perform(NEXT_DAY);
  await running[Symbol.asyncDispose]();
  say('');
  return { scene, log: running.log(), acts: [first, again, nextDay] };
}

function summarise({ targets, startedAt, finishedAt }: Report, milliseconds: number): string {
  const audit = Date.parse(finishedAt) - Date.parse(startedAt);
  return `  ${targets.length} databases audited in ${audit} ms; ${(milliseconds / 1000).toFixed(1)} s in all.`;
}
