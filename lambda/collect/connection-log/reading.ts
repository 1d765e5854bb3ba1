// Reads the connection log of a target after its audit, and adds it to what is remembered of earlier runs.

import * as z from 'zod';
import { PrefixError } from '../../analysis/connection-log/prefix.ts';
import { advance, factsFrom, positionOf } from '../../analysis/connection-log/window.ts';
import type { ConnectionLogFacts, LogGap } from '../../model/connection-log.ts';
import { displayText } from '../../model/display.ts';
import { AuditFailure } from '../../model/failure.ts';
import type { StoredLogState } from '../../model/log-state.ts';
import { known, type Observed, unknown } from '../../model/observed.ts';
import { type Clock, DAY_MS } from '../../model/time.ts';
import type { ObserverContext, SessionOpener } from '../connect/observer.ts';
import { IdentityError } from '../connect/tls.ts';
import { queryFailure } from '../failures/failures.ts';
import { Questions } from '../postgres/questions.ts';
import { EventSink } from './event-sink.ts';
import { newMarker } from './marker.ts';
import { serverFiles } from './server-files.ts';
import { type LogSetup, logSetupQuery, monitorGrant, readingGrant } from './settings.ts';
import { formatOf, isOn, majorOf, settingsGaps } from './settings-gaps.ts';
import type { LogReading, LogServices, LogSettings } from './source.ts';

/** Of the time there is: the rest is for saving what was read. */
const READING = 0.8;
/** The first version whose lines are read: older ones do not say how many bits a cipher has. */
const OLDEST_MAJOR = 12;
/** Milliseconds after which a login shows in CloudWatch Logs. */
const LATE_MS = 600_000;
/** Logins that are waited for. */
const MOST_MARKERS = 8;

/** Never throws for what the server, the log or the store does: that is a gap, or makes the facts unknown. */
export function readConnectionLog(
  context: ObserverContext,
  services: LogServices,
  clock: Clock,
): Promise<Observed<ConnectionLogFacts>> {
  return new Reading(context, services, clock).facts();
}

/** The position of the observer: that of its reader, and which of its own logins it waits for. */
const positionSchema = z.object({
  reader: z.unknown(),
  /** Logins that were not in the log yet, the oldest first. */
  markers: z.array(z.object({ name: z.string().max(100), at: z.number() })).max(MOST_MARKERS),
  /** Whether one of them was. */
  isProven: z.boolean(),
});
type Position = z.output<typeof positionSchema>;

const FIRST: Position = { reader: undefined, markers: [], isProven: false };

interface Read {
  readonly sink: EventSink;
  readonly reading: LogReading;
  readonly gaps: readonly LogGap[];
}

class Reading {
  readonly #context: ObserverContext;
  readonly #services: LogServices;
  readonly #source: ConnectionLogFacts['source'];
  readonly #now: number;
  readonly #from: number;
  readonly #marker: string;
  readonly #endsAt: number;

  constructor(context: ObserverContext, services: LogServices, clock: Clock) {
    this.#context = context;
    this.#services = services;
    this.#source = context.target.logs === 'server' ? 'server-files' : 'cloudwatch-logs';
    this.#now = clock().getTime();
    this.#from = this.#now - DAY_MS;
    this.#marker = newMarker(this.#now);
    this.#endsAt = performance.now() + context.timeLeftMs * READING;
  }

  async facts(): Promise<Observed<ConnectionLogFacts>> {
    const { openSession } = this.#context;
    if (!openSession.known) return openSession;
    const loaded = await this.#load();
    const stored = loaded.stored?.state;
    const position = positionSchema.safeParse(positionOf(stored)).data ?? FIRST;
    const read = await this.#read(openSession.value, position);
    if (!read.known) return read;
    const { sink, reading } = read.value;
    sink.finish();
    const { markers, isProven, gaps: proof } = this.#proof(position, read.value);
    const gaps = [...loaded.gaps, ...read.value.gaps, ...reading.gaps, ...sink.gaps(), ...proof];
    const advanced = advance(stored, {
      logins: sink.result(),
      position: { reader: reading.position, markers, isProven } satisfies Position,
      gaps,
      from: this.#from,
      now: this.#now,
      source: this.#source,
    });
    return known(await this.#saved(loaded.stored, advanced));
  }

  async #load(): Promise<{ readonly stored: StoredLogState | undefined; readonly gaps: readonly LogGap[] }> {
    const { state } = this.#services;
    if (state === undefined) {
      const reason = 'nothing is remembered from run to run: every run reads the last 24 hours';
      return { stored: undefined, gaps: [{ cause: 'no-state', reason }] };
    }
    try {
      return { stored: await state.read(this.#context.target.name), gaps: [] };
    } catch (error) {
      return { stored: undefined, gaps: [failed(error)] };
    }
  }

  async #saved(
    stored: StoredLogState | undefined,
    { state, facts }: ReturnType<typeof advance>,
  ): Promise<ConnectionLogFacts> {
    const store = this.#services.state;
    if (store === undefined || stored === undefined) return facts;
    const { target, redaction } = this.#context;
    try {
      if (await store.save(target.name, redaction.everywhere(state), stored.version)) return facts;
      // What the faster run has read, this one has read as well.
      return factsFrom((await store.read(target.name)).state, this.#now, this.#source);
    } catch (error) {
      return { ...facts, continuousSince: undefined, gaps: [...facts.gaps, failed(error)] };
    }
  }

  async #read(openSession: SessionOpener, { reader: position }: Position): Promise<Observed<Read>> {
    const { target, endpoint, signal } = this.#context;
    if (target.kind === 'pgbouncer') return await this.#readGroup(undefined, position);
    try {
      await using opened = await openSession({ applicationName: this.#marker, boundsEachAnswer: true, signal });
      const questions = new Questions(opened.session);
      const setup = await questions.ask(logSetupQuery);
      const major = majorOf(setup.settings);
      if (major < OLDEST_MAJOR) {
        return unknown(`connection logs are read from PostgreSQL ${OLDEST_MAJOR} on, and this is ${major}`);
      }
      return target.logs === 'server'
        ? await this.#readFiles(questions, setup, position)
        : await this.#readGroup(setup, position);
    } catch (error) {
      if (signal.aborted) return unknown('the time of the target was up before its connection log was read');
      if (error instanceof IdentityError) return unknown('the certificate of the server was not trusted again');
      const { message } = (error instanceof AuditFailure ? error : queryFailure(error, endpoint)).failure;
      return unknown(`the connection log could not be read: ${message}`);
    }
  }

  async #readFiles(questions: Questions, setup: LogSetup, position: unknown): Promise<Observed<Read>> {
    const { settings, hidden, role, reading } = setup;
    const { endpoint, signal } = this.#context;
    const gaps = [...settingsGaps(settings, { source: this.#source, verifiedName: endpoint.verifiedName })];
    if (hidden.length > 0) {
      gaps.push({
        cause: 'not-allowed',
        reason: `the login may not see ${hidden.join(', ')}`,
        remedy: monitorGrant(role),
      });
    }
    if (reading === undefined) {
      gaps.push({ cause: 'not-allowed', reason: 'the login may not read the log files', remedy: readingGrant(role) });
    }
    const format = formatOf(settings.logDestination);
    const isWritten = !gaps.some(({ cause }) => cause === 'logging-off' || cause === 'translated');
    const sink = this.#sink(setup, format);
    const isReadable = !gaps.some(({ cause }) => cause === 'not-allowed' || cause === 'unreadable-lines');
    if (
      sink === undefined ||
      format === undefined ||
      reading === undefined ||
      !isReadable ||
      !isOn(settings.loggingCollector)
    ) {
      if (sink === undefined) gaps.push(unreadablePrefix(settings));
      return known({ sink: sink ?? this.#emptySink(), reading: { position, gaps: [] }, gaps });
    }
    const reader = serverFiles({
      endpoint,
      questions,
      format,
      directory: settings.logDirectory,
      reading,
      role,
      serverNow: setup.now,
      marker: isWritten ? this.#marker : undefined,
      hasOwnLogin: () => sink.hasOwnLogin(this.#marker),
      countFrom: (time) => sink.countFrom(time),
      endsAt: this.#endsAt,
    });
    return known({
      sink,
      reading: await reader.read({ position, from: this.#from, now: this.#now, sink, signal }),
      gaps,
    });
  }

  async #readGroup(setup: LogSetup | undefined, position: unknown): Promise<Observed<Read>> {
    const { target, endpoint, signal } = this.#context;
    const { logGroup } = this.#services;
    if (typeof target.logs === 'string') return unknown('a PgBouncer gives out no log files');
    if (logGroup === undefined) return unknown('reading CloudWatch Logs is left out of this program');
    const settings = setup?.settings;
    const gaps =
      settings === undefined
        ? []
        : [...settingsGaps(settings, { source: this.#source, verifiedName: endpoint.verifiedName })];
    const sink = this.#sink(setup, undefined);
    if (sink === undefined && settings !== undefined) gaps.push(unreadablePrefix(settings));
    const used = sink ?? this.#emptySink();
    const reader = await logGroup(target.logs, settings);
    const request = { position, from: this.#from, now: this.#now, sink: used, signal };
    return known({ sink: used, reading: await reader.read(request), gaps });
  }

  /** Undefined where log_line_prefix is of no form that can be read by. */
  #sink(setup: LogSetup | undefined, format: ReturnType<typeof formatOf>): EventSink | undefined {
    try {
      return new EventSink({ ...this.#sinkOptions(), ...sinkSettings(setup), format });
    } catch (error) {
      if (!(error instanceof PrefixError)) throw error;
      return undefined;
    }
  }

  #emptySink(): EventSink {
    return new EventSink({ ...this.#sinkOptions(), prefix: undefined, timezone: undefined, format: undefined });
  }

  #sinkOptions() {
    const { role, target } = this.#context;
    return { from: this.#from, role, isPooler: target.kind === 'pgbouncer' };
  }

  /** Whether the auditor's own logins are in the log: of server files that of this run, else those of earlier runs. */
  #proof(
    { markers, isProven }: Position,
    { sink, reading, gaps }: Read,
  ): Omit<Position, 'reader'> & { readonly gaps: readonly LogGap[] } {
    const { target, role } = this.#context;
    const isExplained = [...gaps, ...reading.gaps].length > 0;
    if (this.#source === 'server-files') {
      const isMissing = !isExplained && !sink.hasOwnLogin(this.#marker);
      return { markers: [], isProven: !isMissing, gaps: isMissing ? [MISSING_IN_FILES] : [] };
    }
    const isPooler = target.kind === 'pgbouncer';
    const found = markers.findLastIndex(({ name }) => sink.hasOwnLogin(name));
    const waiting = markers.slice(found + 1);
    // Where nothing is remembered, no name of an earlier login is known: any of the last 24 hours is proof.
    const isAnonymous = this.#services.state === undefined && sink.hasAnyOwnLogin();
    const isFound = isProven || found >= 0 || isAnonymous;
    const next = { name: isPooler ? '' : this.#marker, at: this.#now };
    const late = waiting.some(({ at }) => at < this.#now - LATE_MS);
    const state = { markers: [...waiting.slice(1 - MOST_MARKERS), next], isProven: isFound && !late };
    if (state.isProven || isExplained) return { ...state, gaps: [] };
    const reason = late
      ? `an earlier login of the auditor as "${displayText(role)}" is not in the log group`
      : 'no earlier login of the auditor is in the log group yet: the next runs look for that of this one';
    return { ...state, gaps: [{ cause: 'own-login-missing', reason }] };
  }
}

const MISSING_IN_FILES: LogGap = {
  cause: 'own-login-missing',
  reason:
    "the auditor's login of this run is not in the log files: they are not what the server writes now, or not of the form that its settings say",
  remedy: 'SHOW log_connections;\nSELECT * FROM pg_ls_logdir() ORDER BY modification DESC;',
};

function sinkSettings(setup: LogSetup | undefined): {
  readonly prefix: string | undefined;
  readonly timezone: string | undefined;
} {
  return { prefix: setup?.settings.logLinePrefix, timezone: setup?.settings.logTimezone };
}

function unreadablePrefix({ logLinePrefix }: LogSettings): LogGap {
  return {
    cause: 'unreadable-lines',
    reason: `log_line_prefix is "${displayText(logLinePrefix, 100)}", by which no line can be read`,
    remedy: "ALTER SYSTEM SET log_line_prefix = '%m [%p] ';\nSELECT pg_reload_conf();",
  };
}

/** Messages of stores are for people; of other errors nothing is shown. */
function failed(error: unknown): LogGap {
  const isForPeople = error instanceof Error && error.name === 'StateError';
  return {
    cause: 'failed',
    reason: isForPeople ? error.message.replace(/\.$/, '') : 'what is remembered of the log could not be read or saved',
  };
}
