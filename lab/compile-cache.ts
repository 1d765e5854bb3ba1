// Passes the run's cache of compiled modules on to processes that get an environment of their own.

/**
 * The variable that names the cache, where the run has one: a process that loads the auditor's TypeScript then takes
 * half of the processor time (`vitest.config.ts` sets it).
 *
 * @see https://nodejs.org/docs/latest-v24.x/api/module.html#module-compile-cache
 */
export function compileCache(): Readonly<Record<string, string>> {
  const { NODE_COMPILE_CACHE } = process.env;
  return NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE };
}
