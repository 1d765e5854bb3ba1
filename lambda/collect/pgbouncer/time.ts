// The times that PgBouncer's console shows, which are those of the time zone it runs in.

/** `2026-11-21 08:00:00 UTC`: date, time, and the zone as its C library abbreviates it. */
const SHOWN = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d+)? ?(.*)$/;
const OFFSET = /^([+-])(\d\d):?(\d\d)?$/;

/** A time with its zone has about 30 characters. */
const LONGEST_TIME = 64;

const MINUTES = 60_000;
const HOURS = 60 * MINUTES;
/** What a report can show: years of four digits, and none before there was a PgBouncer. */
const [EARLIEST, LATEST] = [0, Date.UTC(9999, 11, 31)];
/** No zone is further from UTC (+14 and -12). */
const FURTHEST = 15 * HOURS;
/** Every zone's distance from UTC is whole quarters of an hour. */
const QUARTER = 15 * MINUTES;

/**
 * Reads those times. Most abbreviations say nothing by themselves (IST is India's, Ireland's and Israel's): how far the
 * zone is from UTC shows in the auditor's own session, of which both times are known.
 */
export class ConsoleClock {
  /** Milliseconds that the console's zone is ahead of UTC. */
  #ahead = 0;
  #connectedAt: number;

  /**
   * @param own when the console says that the auditor's session began
   * @param connectedAt when it did, in milliseconds since 1970
   */
  constructor(own: string | null | undefined, connectedAt: number) {
    this.#connectedAt = connectedAt;
    const shown = read(own);
    if (shown === undefined) return;
    const ahead = Math.round((shown.asUtc - connectedAt) / QUARTER) * QUARTER;
    if (Math.abs(ahead) <= FURTHEST) this.#ahead = ahead;
  }

  /** Milliseconds since 1970. What can't be read began, at the latest, before the auditor's own session. */
  toMs(text: string | null | undefined): number {
    const shown = read(text);
    const at = shown === undefined ? Number.NaN : shown.asUtc - (offsetOf(shown.zone) ?? this.#ahead);
    return at >= EARLIEST && at <= LATEST ? at : this.#connectedAt;
  }
}

function read(text: string | null | undefined): { readonly asUtc: number; readonly zone: string } | undefined {
  const [, date, time, zone = ''] = SHOWN.exec((text ?? '').slice(0, LONGEST_TIME)) ?? [];
  const asUtc = Date.parse(`${date}T${time}Z`);
  return Number.isNaN(asUtc) ? undefined : { asUtc, zone };
}

/** Milliseconds ahead of UTC, where the zone itself says it. */
function offsetOf(zone: string): number | undefined {
  if (/^(UTC|GMT|Z)$/.test(zone)) return 0;
  const [, sign, hours, minutes = '0'] = OFFSET.exec(zone) ?? [];
  if (hours === undefined) return undefined;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * MINUTES;
}
