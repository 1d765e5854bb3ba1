// Renders a plan of enforcement as a page: who is ready, who blocks, and what to do, database by database.

import { displayText } from '../../model/display.ts';
import { displayProse, displayTime, list, plural } from '../text.ts';
import { documentEnd, documentHead, table } from './document.ts';
import { html, type Markup } from './markup.ts';
import { readinessBadge, readinessSection, type TargetReadiness } from './readiness.ts';
import { copied, leftOut } from './texts.ts';

/** The parts of the document of `plan` that the page shows. Texts are from outside; times are ISO 8601, UTC. */
export interface PlanForPage {
  readonly state: string;
  readonly days: number;
  readonly at: string;
  readonly targets: readonly PlannedTarget[];
}

export interface PlannedTarget extends TargetReadiness {
  readonly platform: string;
  /** Null where nothing is known. */
  readonly window: { readonly from: string; readonly to: string; readonly daysNotCovered: number } | null;
  readonly progress: { readonly moved: number; readonly of: number; readonly since: string };
  readonly clients: readonly PlannedClient[];
  readonly refused: readonly {
    readonly role: string | null;
    readonly database: string | null;
    readonly networks: readonly string[];
    readonly lastSeen: string;
    readonly count: number;
  }[];
  /** What stands over the steps: whether they may be taken yet. */
  readonly stepsHeading: string;
  readonly steps: readonly {
    readonly title: string;
    /** Where its commands are run; stands after "in". */
    readonly place: string;
    readonly commands: readonly string[];
    readonly rollback: readonly string[];
    readonly needsReboot?: boolean | undefined;
  }[];
}

interface PlannedClient {
  readonly role: string | null;
  readonly database: string | null;
  readonly application: string | null;
  readonly networks: readonly string[];
  readonly logins: number;
  readonly lastSeen: string;
  readonly breaks: boolean;
  readonly moved: boolean;
  readonly driver?: string | undefined;
  readonly fix: string;
}

/** Bytes of the page, without its frame: what does not fit is counted. */
const MOST_BYTES = 4_800_000;
/** Bytes of one database: what it says of itself leaves room for the others. */
const MOST_TARGET_BYTES = 400_000;
const MOST_CLIENTS = 100;
const MOST_STEPS = 40;
const MOST_COMMANDS = 40;
/** Characters of a command. */
const COMMAND_LENGTH = 100_000;
const FIX_LENGTH = 4_000;

/** One file in parts, readable without script, of 5 MB at most. */
export function* renderPlanPage(plan: PlanForPage): Generator<string> {
  const { state, days, at, targets } = plan;
  const frame = {
    title: 'Plan to refuse plaintext',
    about: `${time(at)}, ${plural(targets.length, 'database')}, from ${displayProse(state)}, ${plural(days, 'day')}.`,
    footer: html`<p>The plan runs nothing: a person runs its commands. A driver is a guess from names and behaviour. A log can be forged, and what was not seen is not in it.</p>`,
  };
  yield documentHead(frame);
  const overview = readinessSection(targets)?.toString() ?? '';
  yield overview;
  yield '<section id="targets" aria-labelledby="targets-heading">\n<h2 id="targets-heading">Every database</h2>\n<ul class="targets" data-list>';
  let left = MOST_BYTES - Buffer.byteLength(overview);
  let shown = 0;
  for (const target of targets) {
    const item = fittedItem(target, `target-${shown}`);
    const bytes = Buffer.byteLength(item);
    if (bytes > left) break;
    yield item;
    left -= bytes;
    shown += 1;
  }
  yield html`</ul>${leftOut(targets.length - shown, 'databases, which --format json has,')}</section>`.toString();
  yield documentEnd(frame);
}

/** Without its clients and steps where these are too large. */
function fittedItem(target: PlannedTarget, anchor: string): string {
  const { clients, refused, steps } = target;
  const commands = steps.flatMap((step) => [...step.commands, ...step.rollback]);
  // Of what can't fit nothing is rendered: escaping takes long.
  const item =
    commands.reduce((sum, { length }) => sum + length, 0) > MOST_TARGET_BYTES
      ? undefined
      : targetItem(target, anchor).toString();
  if (item !== undefined && Buffer.byteLength(item) <= MOST_TARGET_BYTES) return item;
  const counts = [plural(clients.length, 'client'), plural(refused.length, 'refused client')];
  return targetItem({ ...target, refused: [], steps: [], clients: [] }, anchor, {
    breaking: clients.filter(({ breaks }) => breaks).length,
    note: html`<p class="dim">Too large for the page: --format json and --format markdown have its ${list([...counts, plural(steps.length, 'step')])}.</p>`,
  }).toString();
}

interface Shortened {
  readonly breaking: number;
  readonly note: Markup;
}

function targetItem(target: PlannedTarget, anchor: string, shortened?: Shortened): Markup {
  const { name, readiness, reasons, platform, window, progress, clients, refused, steps } = target;
  const heading = steps.length === 0 ? undefined : html`<p><strong>${displayProse(target.stepsHeading)}:</strong></p>`;
  const breaking = shortened?.breaking ?? clients.filter(({ breaks }) => breaks).length;
  return html`<li id="${anchor}" data-name="${displayText(name, 255)}"><details><summary><span>${readinessBadge(readiness)}</span><span class="target-name">${displayText(
    name,
    255,
  )}</span>
<span>${breaking === 0 ? 'no known client would break' : `${plural(breaking, 'client')} would break`}</span><span>${displayText(platform, 255)}</span></summary><div class="inner"><ul class="facts">${reasons
    .slice(0, MOST_COMMANDS)
    .map((reason) => html`<li>${displayProse(reason, 1_000)}</li>`)}<li>${windowText(window)}</li>${
    progress.of === 0
      ? undefined
      : html`<li>${progress.moved} of ${plural(progress.of, 'client')} moved to TLS since ${time(progress.since)}</li>`
  }</ul>${clientTable(
    'Who would break',
    clients.filter(({ breaks }) => breaks),
  )}${clientTable(
    'Who goes on',
    clients.filter(({ breaks }) => !breaks),
  )}${refusedTable(refused)}${shortened?.note}${heading}${steps.slice(0, MOST_STEPS).map(stepItem)}${leftOut(
    steps.length - MOST_STEPS,
    'steps',
  )}</div></details></li>
`;
}

function windowText(window: PlannedTarget['window']): string {
  if (window === null) return 'Nothing is known of its clients.';
  const { from, to, daysNotCovered } = window;
  const gaps = daysNotCovered === 0 ? 'every day of it was read' : `${plural(daysNotCovered, 'day')} of it not read`;
  return `From ${time(from)} to ${time(to)}: ${gaps}.`;
}

function clientTable(caption: string, clients: readonly PlannedClient[]): Markup | undefined {
  if (clients.length === 0) return undefined;
  const columns = [
    { name: 'Role' },
    { name: 'Database, application' },
    { name: 'From' },
    { name: 'Unencrypted logins', numeric: true },
    { name: 'Last seen' },
    { name: 'Probably' },
    { name: 'Fix' },
  ];
  const rows = clients
    .slice(0, MOST_CLIENTS)
    .map(({ role, database, application, networks, logins, lastSeen, driver, fix, moved }) => [
      `${nameOr(role)}${moved ? ' (moved to TLS)' : ''}`,
      `${nameOr(database)}, ${nameOr(application)}`,
      list(networks.map((network) => displayText(network))),
      logins,
      time(lastSeen),
      driver === undefined ? '' : displayProse(driver),
      copied(shownLines(fix, FIX_LENGTH)),
    ]);
  return html`${table(caption, columns, rows)}${leftOut(clients.length - rows.length, 'clients')}`;
}

function refusedTable(refused: PlannedTarget['refused']): Markup | undefined {
  if (refused.length === 0) return undefined;
  const columns = [
    { name: 'Role' },
    { name: 'Database' },
    { name: 'From' },
    { name: 'Refused', numeric: true },
    { name: 'Last' },
  ];
  const rows = refused
    .slice(0, MOST_CLIENTS)
    .map(({ role, database, networks, count, lastSeen }) => [
      nameOr(role),
      nameOr(database),
      list(networks.map((network) => displayText(network))),
      count,
      time(lastSeen),
    ]);
  return html`${table('Plaintext logins that the server refused, as they gave their names', columns, rows)}${leftOut(
    refused.length - rows.length,
    'refused clients',
  )}`;
}

function nameOr(name: string | null): string {
  return name === null || name === '' ? '(not known)' : displayText(name, 255);
}

function stepItem(step: PlannedTarget['steps'][number], index: number): Markup {
  const { title, place, commands, rollback, needsReboot } = step;
  const reboot = needsReboot === undefined ? '' : needsReboot ? ' (needs a reboot)' : ' (no reboot)';
  const where = commands.length === 0 ? undefined : html`<p>In ${displayProse(place)}:</p>`;
  return html`<h3>${index + 1}. ${displayProse(title)}${reboot}</h3>${where}${commandsOf(commands)}${
    rollback.length === 0 ? undefined : html`<p>To roll back:</p>${commandsOf(rollback)}`
  }`;
}

function commandsOf(commands: readonly string[]): Markup {
  return html`${commands.slice(0, MOST_COMMANDS).map(commandOf)}${leftOut(
    commands.length - MOST_COMMANDS,
    'commands',
  )}`;
}

function time(moment: string): string {
  return displayText(displayTime(moment));
}

/** As it is, or not at all: a part of a command, or one with other characters, would do something else. */
function commandOf(command: string): Markup {
  const isWhole = command.length <= COMMAND_LENGTH && shownLines(command, COMMAND_LENGTH) === command;
  if (isWhole) return html`<pre>${copied(command)}</pre>`;
  return html`<p class="dim">This command is too long for the page, or has characters that can not be shown: --format json and --format markdown have it.</p>`;
}

/** It may have several lines. */
function shownLines(text: string, most: number): string {
  return text
    .slice(0, most)
    .split('\n')
    .map((line) => displayText(line, most))
    .join('\n');
}
