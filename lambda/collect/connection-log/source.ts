// Defines a source of a connection log: where its bytes come from, and how a later run goes on where this one ended.

import type { LogGap, LogGroupSource } from '../../model/connection-log.ts';
import type { LogStateStore } from '../../model/log-state.ts';

/** The settings by which a server writes its log. */
export interface LogSettings {
  readonly version: string;
  readonly logConnections: string;
  readonly logDisconnections: string;
  readonly logDestination: string;
  readonly logLinePrefix: string;
  readonly logTimezone: string;
  readonly logHostname: string;
  readonly logMinMessages: string;
  readonly loggingCollector: string;
  readonly logDirectory: string;
  readonly logFilename: string;
  readonly lcMessages: string;
}

/** Takes what a source reads. Each stream is a log of its own: a file, or a stream of CloudWatch Logs. */
export interface LogSink {
  /**
   * @param context whether an earlier run has counted these entries: they only say what belongs together, such as the
   *   address of a login that comes after them
   */
  push(stream: string, bytes: Uint8Array, context: boolean): void;
  /** Ends what is open in the stream. */
  end(stream: string): void;
}

export interface LogReadRequest {
  /** What the last run returned, as JSON; undefined in the first run. From outside: to be checked. */
  readonly position: unknown;
  /** Milliseconds since 1970: how far a first run looks back. */
  readonly from: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly sink: LogSink;
  readonly signal: AbortSignal;
}

export interface LogReading {
  /** JSON for the next run: what was read counts as read once this is saved. */
  readonly position: unknown;
  /** What was not read; empty where all there was since the last run was read. */
  readonly gaps: readonly LogGap[];
}

/** A connection log. It never throws for what the other side does: that is a gap. */
export interface LogReader {
  read(request: LogReadRequest): Promise<LogReading>;
}

/** What reading connection logs needs besides the target. */
export interface LogServices {
  /** Undefined where nothing is remembered from run to run. */
  readonly state?: LogStateStore | undefined;
  /**
   * Of CloudWatch Logs, which is loaded when a target names a log group; undefined where that is left out.
   *
   * @param settings of the server; undefined for a PgBouncer
   */
  readonly logGroup?:
    | ((source: LogGroupSource, settings: Pick<LogSettings, 'logLinePrefix'> | undefined) => Promise<LogReader>)
    | undefined;
}
