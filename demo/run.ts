// The demo: PostgreSQL servers with good and bad clients, one scheduled run of the function, and what people receive.
// Exit code 0 only when the audit found exactly what was planted.

import { Interruption, interruptions } from './interruption.ts';
import { type Invocation, invokeHandler } from './invoke.ts';
import { TARGETS } from './planted.ts';
import { type Scene, setScene } from './scene.ts';
import { screenFor } from './screen.ts';
import {
  showCard,
  showEmail,
  showEvidence,
  showIntroduction,
  showNextSteps,
  showPlanted,
  showProof,
  showTable,
} from './show.ts';
import { discrepancies, leaks } from './verify.ts';

const startedAt = performance.now();
// What a person has set for their own databases (PGSSLMODE, PGOPTIONS) would reach the demo's clients.
for (const name of Object.keys(process.env)) if (/^PG[A-Z]+$/.test(name)) delete process.env[name];
const screen = screenFor(process.stdout);
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
  const { scene, invocation } = await perform();
  signal.throwIfAborted();
  // By now nothing runs any more: whoever takes their time to read holds nothing up.
  const [message, ...others] = scene.aws.published;
  if (message === undefined || others.length > 0) {
    throw new Error(`one message should have been published, and ${scene.aws.published.length} were`);
  }
  const { report, log } = invocation;
  const shown = [
    showEmail(screen, message),
    showCard(screen, message),
    showTable(screen, report),
    showEvidence(screen, report),
  ].join('\n');
  refuse(
    'a password is where none may be',
    leaks(scene.passwords, {
      'the log': log.join('\n'),
      'the published message': JSON.stringify(message),
      'the answer': JSON.stringify(report),
      'the output of the demo': shown,
    }),
  );
  console.log(shown);
  refuse('the audit is not what it should be', discrepancies(TARGETS, report));
  console.log(
    showProof({
      findings: report.findings.length,
      passwords: scene.passwords.length,
      seconds: (performance.now() - startedAt) / 1000,
    }),
  );
  console.log(showNextSteps(screen));
}

function refuse(what: string, problems: readonly string[]): void {
  if (problems.length > 0) throw new Error(`${what}:\n${problems.join('\n')}`);
}

/** Sets the scene, runs the function once and clears everything away. */
async function perform(): Promise<{ readonly scene: Scene; readonly invocation: Invocation }> {
  const say = (step: string): void => console.log(step);
  await using scene = await setScene({ say, signal });
  say(showPlanted(screen, TARGETS));
  say('Invoking the Lambda handler as EventBridge Scheduler does …');
  const invocation = await invokeHandler({ ...scene, signal });
  say(summarise(scene, invocation));
  return { scene, invocation };
}

function summarise({ aws }: Scene, { report, log, metricRecords, milliseconds }: Invocation): string {
  const audit = Date.parse(report.finishedAt) - Date.parse(report.startedAt);
  return [
    `  ${report.targets.length} databases audited in ${audit} ms; ${(milliseconds / 1000).toFixed(1)} s with the start of the process.`,
    `  ${aws.requests.length} requests to AWS; ${log.length} log lines, ${metricRecords} of them metrics for CloudWatch.`,
    '',
  ].join('\n');
}
