// Declares how the scripts of the functions are had: bundled from the sources, or taken from the published package.

/** A function of the deployment, by the name of its script. */
export type FunctionEntry = 'index' | 'plan' | 'worker' | 'repair' | 'digest' | 'relay';

export interface HandlerScripts {
  /** The folder that they are made from. */
  readonly source: string;

  /**
   * Writes CommonJS scripts with their source maps.
   *
   * @param folder - Where Lambda's files are put together. It exists.
   * @param leftOut - Modules that are in no script, as they are imported.
   * @param entries - The scripts that Lambda is to load. What they share is there once.
   */
  readonly write: (folder: string, leftOut: readonly string[], entries: readonly FunctionEntry[]) => void;
}
