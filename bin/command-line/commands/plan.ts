// Implements the command `plan`: who would break without plaintext, and how it is switched off, from the state.

import pMap from 'p-map';
import { describeDefect } from '../../../lambda/collect/defect.ts';
import { StateError } from '../../../lambda/deliver/state/store.ts';
import { type PlanInput, planTarget } from '../../../lambda/enforcement/plan.ts';
import type { PlanDocument, TargetPlan } from '../../../lambda/enforcement/schema.ts';
import { PLACES, stepsHeading } from '../../../lambda/enforcement/wording.ts';
import type { ClientRecordStore } from '../../../lambda/model/client-record.ts';
import { displayText } from '../../../lambda/model/display.ts';
import { quoteName } from '../../../lambda/model/given-text.ts';
import { compareText } from '../../../lambda/model/text-order.ts';
import { systemClock } from '../../../lambda/model/time.ts';
import { refuseUnsafeEnvironment, thisProcess } from '../../../lambda/runtime/unsafe-environment.ts';
import type { PlanOptions } from '../grammar/options.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { clientStoreFor, readState, servicesOfState } from '../targets/state.ts';
import { EXIT_CODES, type ExitCode } from '../terminal/exit-code.ts';
import { outputColumns, print } from '../terminal/terminal.ts';

/** Records that are read at the same time. */
const CONCURRENCY = 16;

/** A message names this many targets at most. */
const NAMES_SHOWN = 20;

/** @returns 0 where every target is ready or enforced already, 1 where one is not @throws UsageError, StateError */
export async function plan(options: PlanOptions): Promise<ExitCode> {
  const { state: spec, days, target: names, format } = options;
  refuseUnsafeEnvironment({ ...thisProcess(), services: servicesOfState(spec) });
  if (spec === undefined) {
    throw new UsageError('plan needs --state: the file, or dynamodb:TABLE, in which runs keep their state');
  }
  const [{ name: store, state }, clients] = await Promise.all([readState(spec), clientStoreFor(spec)]);
  const known = [...state.targets.keys()].sort(compareText);
  if (known.length === 0) {
    throw new UsageError(
      `${store} has no record of a run: run "npx pg-tls-auditor audit --state …" first, or name the state that your runs use`,
    );
  }
  const unknownNames = (names ?? []).filter((name) => !state.targets.has(name));
  if (unknownNames.length > 0) {
    throw new UsageError(`${store} has no target named ${quoted(unknownNames)}; it has ${quoted(known)}`);
  }
  const now = systemClock().getTime();
  const findings = Map.groupBy(state.findings.values(), ({ finding }) => finding.target);
  const targets = await pMap(
    known.filter((each) => names === undefined || names.includes(each)),
    async (name) =>
      planOrDefect({ name, ...(await keptOf(name, clients)), findings: findings.get(name) ?? [], days, now }),
    { concurrency: CONCURRENCY },
  );
  const document: PlanDocument = {
    schemaVersion: 1,
    state: displayText(store, 200),
    days,
    at: new Date(now).toISOString(),
    targets,
  };
  await print(await rendered(document, format));
  const isDone = targets.every(({ readiness }) => readiness === 'ready' || readiness === 'enforced');
  return isDone ? EXIT_CODES.passed : EXIT_CODES.findings;
}

/** What breaks the plan of one target costs the others nothing. */
function planOrDefect(input: PlanInput): TargetPlan {
  try {
    return planTarget(input);
  } catch (error) {
    const problem = `the plan failed: ${describeDefect(error)}`;
    return planTarget({ ...input, record: undefined, findings: [], problem });
  }
}

/** A record that can't be used costs its target only. */
async function keptOf(name: string, store: ClientRecordStore): Promise<Pick<PlanInput, 'record' | 'problem'>> {
  try {
    return { record: (await store.read(name)).record };
  } catch (error) {
    if (error instanceof StateError) return { record: undefined, problem: error.message };
    throw error;
  }
}

async function rendered(document: PlanDocument, format: PlanOptions['format']): Promise<string | Iterable<string>> {
  if (format === 'html') {
    const { renderPlanPage } = await import('../../../lambda/report/page/plan-page.ts');
    const targets = document.targets.map((target) => ({
      ...target,
      stepsHeading: stepsHeading(target),
      steps: target.steps.map((step) => ({ ...step, place: PLACES[step.runIn] })),
    }));
    return renderPlanPage({ ...document, targets });
  }
  if (format === 'json') return `${JSON.stringify(document, null, 2)}\n`;
  if (format === 'markdown') {
    const { renderPlanMarkdown } = await import('../../../lambda/enforcement/markdown.ts');
    return renderPlanMarkdown(document);
  }
  const { renderPlan } = await import('../terminal/plan-text.ts');
  return renderPlan(document, outputColumns());
}

function quoted(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN).map(quoteName);
  return shown.join(', ') + (names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : '');
}
