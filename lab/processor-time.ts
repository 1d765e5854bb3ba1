// Measures the processor time of work in this process, to which others who use the machine add nothing.

/** @returns what gives the milliseconds of processor time that the process has taken since */
export function processorClock(): () => number {
  const start = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1_000;
  };
}

/** Milliseconds of processor time that the work takes: the least of several turns. */
export function processorTime(work: () => unknown, turns = 1): number {
  const times = Array.from({ length: turns }, () => {
    const spent = processorClock();
    work();
    return spent();
  });
  return Math.min(...times);
}
