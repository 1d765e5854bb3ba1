// Parses the times that servers write in logs, with their zones.

/** Offsets in minutes of the abbreviations that mean one thing only; CST, IST and BST do not. */
const ZONES: Readonly<Record<string, number>> = {
  ...{ UTC: 0, GMT: 0, Z: 0, WET: 0, WEST: 60, CET: 60, CEST: 120, EET: 120, EEST: 180, MSK: 180, JST: 540, KST: 540 },
  ...{
    EST: -300,
    EDT: -240,
    CDT: -300,
    MST: -420,
    MDT: -360,
    PST: -480,
    PDT: -420,
    AEST: 600,
    AEDT: 660,
    NZST: 720,
    NZDT: 780,
  },
};

const MINUTE_MS = 60_000;

/** Entries in the cache of offsets: hours of a log. */
const MAX_CACHED = 1_000;

/** Keeps the last second that was read: most lines of a log share it with the one before. */
export class LogClock {
  /** Zones whose offset is not known; their times are read as UTC. At most ten. */
  readonly unknownZones = new Set<string>();
  readonly #timezone: Intl.DateTimeFormat | undefined;
  readonly #offsets = new Map<string, number>();
  #text = '';
  #time: number | undefined;
  #second = '';
  #value: number | undefined;

  /**
   * @param timezone what `log_timezone` names: decides where an abbreviation of its zone means several things, or is
   *   not known
   */
  constructor(timezone?: string) {
    this.#timezone = timezone === undefined ? undefined : formatOf(timezone);
  }

  /**
   * Milliseconds since 1970, UTC; undefined for a text that is not a time.
   *
   * @param text `2026-11-28 08:17:06.123 UTC`, `2026-11-28 08:17:06 +03`, `2026-11-28T08:17:06Z`, `1795853826.123`
   */
  read(text: string): number | undefined {
    if (text !== this.#text) {
      this.#text = text;
      this.#time = this.#parse(text);
    }
    return this.#time;
  }

  #parse(text: string): number | undefined {
    if (/^\d{9,11}\.\d{3}$/.test(text)) return Math.round(Number(text) * 1000);
    const [, second, fraction = '', zone = ''] =
      /^(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))? ?([A-Za-z]{1,6}|[+-]\d\d(?::?\d\d)?)?$/.exec(text) ?? [];
    if (second === undefined) return undefined;
    const key = second + zone;
    if (key !== this.#second) {
      this.#second = key;
      const at = Date.parse(`${second.replace(' ', 'T')}Z`);
      this.#value = Number.isNaN(at) ? undefined : at - this.#offset(zone, at) * MINUTE_MS;
    }
    return this.#value === undefined ? undefined : this.#value + Number(fraction.slice(0, 3).padEnd(3, '0'));
  }

  /** @param at what the clock of that zone shows, as if it were UTC */
  #offset(zone: string, at: number): number {
    const [, sign, hours, minutes = '0'] = /^([+-])(\d\d):?(\d\d)?$/.exec(zone) ?? [];
    if (hours !== undefined) return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
    const abbreviation = zone.toUpperCase();
    const known = ZONES[abbreviation];
    if (known === 0) return known;
    if (this.#timezone !== undefined) return this.#zoneOffset(this.#timezone, at, abbreviation, known);
    if (known === undefined && this.unknownZones.size < 10) this.unknownZones.add(zone);
    return known ?? 0;
  }

  /** The offset of the server's zone. In the hour that a change of clocks repeats, the abbreviation decides. */
  #zoneOffset(timezone: Intl.DateTimeFormat, at: number, abbreviation: string, known: number | undefined): number {
    const hour = `${abbreviation} ${Math.floor(at / (15 * MINUTE_MS))}`;
    const cached = this.#offsets.get(hour);
    if (cached !== undefined) return cached;
    const possible = [at - DAY, at + DAY]
      .map((near) => offsetOf(timezone, near))
      .filter((offset) => offsetOf(timezone, at - offset * MINUTE_MS) === offset);
    const offset =
      known !== undefined && (possible.includes(known) || possible.length === 0) ? known : (possible[0] ?? 0);
    if (this.#offsets.size >= MAX_CACHED) this.#offsets.clear();
    this.#offsets.set(hour, offset);
    return offset;
  }
}

const DAY = 24 * 60 * MINUTE_MS;

/** Undefined for a name that is no zone here, such as `localtime` or one of POSIX's forms. */
function formatOf(timezone: string): Intl.DateTimeFormat | undefined {
  if (!/^[A-Z][\w+/-]{1,60}$/.test(timezone)) return undefined;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: timezone, timeZoneName: 'longOffset' });
  } catch {
    return undefined;
  }
}

/** Minutes that the zone is ahead of UTC at a moment: `GMT`, `GMT-05:00`. */
function offsetOf(timezone: Intl.DateTimeFormat, moment: number): number {
  const shown = timezone.formatToParts(moment).find(({ type }) => type === 'timeZoneName')?.value ?? '';
  const [, sign, hours, minutes] = /^GMT([+-])(\d\d):(\d\d)/.exec(shown) ?? [];
  return (sign === '-' ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0));
}
