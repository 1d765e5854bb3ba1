// The time of day, as whoever starts a run gives it.

/** What time it is. Simulated days give another one than the machine's. */
export type Clock = () => Date;

/** The machine's. */
export const systemClock: Clock = () => new Date();
