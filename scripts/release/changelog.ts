// Reads and changes CHANGELOG.md: what is unreleased, and what each version brought.

const UNRELEASED = '## Unreleased';

/** A changelog whose unreleased entries are those of the version. */
export function withRelease(changelog: string, version: string, date: string): string {
  if (sectionOf(changelog, 'Unreleased') === undefined) {
    throw new Error('CHANGELOG.md has no entry under "## Unreleased": a release needs what it brings');
  }
  return changelog.replace(`${UNRELEASED}\n`, `${UNRELEASED}\n\n## ${version} / ${date}\n`);
}

/**
 * @param heading - A version, or Unreleased.
 * @returns its entries; undefined where there are none
 */
export function sectionOf(changelog: string, heading: string): string | undefined {
  const sections = changelog.split(/^## /m).slice(1);
  const [, ...lines] = sections.find((each) => headingOf(each) === heading)?.split('\n') ?? [];
  return lines.join('\n').trim() || undefined;
}

/** When the version was released; undefined while it is not. */
export function releaseDate(changelog: string, version: string): Date | undefined {
  const heading = changelog.split('\n').find((line) => line.startsWith(`## ${version} / `));
  return heading === undefined ? undefined : new Date(`${heading.slice(-'2026-01-01'.length)}T00:00:00Z`);
}

function headingOf(section: string): string | undefined {
  return section.split(/[\n ]/, 1)[0];
}
