// Divides the time of one invocation into that of the audit and a reserve for what follows.

/** Milliseconds kept for rendering, publishing and answering; a quarter of the invocation's time when that is less. */
const RESERVE_MS = 20_000;

export interface RunTime {
  /** Milliseconds for listing and auditing the targets. */
  readonly auditMs: number;
  /** Milliseconds for everything after that. */
  readonly reserveMs: number;
}

/** @param invocationMs Milliseconds that the invocation has from now on. */
export function divideTime(invocationMs: number): RunTime {
  const reserveMs = Math.min(RESERVE_MS, invocationMs / 4);
  return { auditMs: invocationMs - reserveMs, reserveMs };
}

/** How the targets of a run, or of one worker, used its time. */
export interface Pace {
  /** Milliseconds for audits that were left when the turn of the last target came. */
  readonly leftAtLastTurnMs: number;
  /** Milliseconds that there were in all. */
  readonly auditMs: number;
}

/** The same for a fleet, whose run and workers each have a time of their own. */
export interface FleetPace {
  /** Of each worker that brought a result: there may be several for each network. */
  readonly workers: readonly Pace[];
  /** Of the run, whose turns are those of the workers. */
  readonly run: Pace;
}

/** The part of a run's time below which little is left. */
const LITTLE = 0.2;

/** Whether a few more targets, or some that do not answer, would leave others without an audit. */
export function isNearlyOutOfTime({ leftAtLastTurnMs, auditMs }: Pace): boolean {
  return leftAtLastTurnMs < LITTLE * auditMs;
}
