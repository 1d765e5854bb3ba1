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

/** Keeps the last second that was read: most lines of a log share it with the one before. */
export class LogClock {
  /** Zones whose offset is not known; their times are read as UTC. At most ten. */
  readonly unknownZones = new Set<string>();
  #text = '';
  #time: number | undefined;
  #second = '';
  #value: number | undefined;

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
      this.#value = Number.isNaN(at) ? undefined : at - this.#offset(zone) * MINUTE_MS;
    }
    return this.#value === undefined ? undefined : this.#value + Number(fraction.slice(0, 3).padEnd(3, '0'));
  }

  #offset(zone: string): number {
    const [, sign, hours, minutes = '0'] = /^([+-])(\d\d):?(\d\d)?$/.exec(zone) ?? [];
    if (hours !== undefined) return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
    const known = ZONES[zone.toUpperCase()];
    if (known === undefined && this.unknownZones.size < 10) this.unknownZones.add(zone);
    return known ?? 0;
  }
}
