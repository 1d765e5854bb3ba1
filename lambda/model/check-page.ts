// Gives the path and the web address of a check's documentation page.

/**
 * Where the repository's files can be read, ending in a slash. Undefined while the repository has no public address:
 * these links stand in security alerts, and a guessed address could be registered by another.
 */
const REPOSITORY_FILES: string | undefined = undefined;

/** `docs/checks/<id>.md`, from the root of the repository. */
export function checkPagePath(id: string): string {
  return `docs/checks/${id}.md`;
}

/**
 * The page's address; undefined while the repository has none.
 *
 * @param files where the repository's files can be read, ending in a slash
 */
export function checkPageUrl(id: string, files: string | undefined = REPOSITORY_FILES): string | undefined {
  return files === undefined ? undefined : `${files}${checkPagePath(id)}`;
}
