// Where the links of packed pages lead.

import { describe, expect, test } from 'vitest';
import { filesOf, packedLinks } from '../../scripts/package/links.ts';

const PAGE = `[Checks](docs/checks/README.md) and [costs
and more](docs/costs.md#a-run), [the web](https://example.com/a.md), [here](#start), [examples](examples/).

1. A step:

   \`\`\`md
   [kept](docs/costs.md)
   \`\`\`
`;

const PLACES = new Map([
  ...['docs/checks/README.md', 'docs/checks/one.md'].map((path) => [path, path] as const),
  ['auditor.schema.json', 'schema.json'],
]);
const placeOf = (path: string): string | undefined => PLACES.get(path);

describe('links to what the package does not have', () => {
  test('lead to the repository, at the version', () => {
    const files = filesOf({ type: 'git', url: 'git+https://github.com/example/auditor.git' }, '1.2.3');
    expect(packedLinks(PAGE, { path: 'README.md', placeOf, files })).toBe(
      PAGE.replace(
        'and more](docs/costs.md#a-run)',
        'and more](https://github.com/example/auditor/blob/v1.2.3/docs/costs.md#a-run)',
      ).replace('(examples/)', '(https://github.com/example/auditor/blob/v1.2.3/examples/)'),
    );
  });

  test('are text where there is no repository', () => {
    expect(packedLinks(PAGE, { path: 'README.md', placeOf, files: undefined })).toBe(
      PAGE.replace('[costs\nand more](docs/costs.md#a-run)', 'costs\nand more').replace(
        '[examples](examples/)',
        'examples',
      ),
    );
  });

  test('are found from the page that has them', () => {
    const page = '[one](one.md) [mutes](../notifications.md#mutes)';
    expect(packedLinks(page, { path: 'docs/checks/README.md', placeOf, files: 'https://example.com/' })).toBe(
      '[one](one.md) [mutes](https://example.com/docs/notifications.md#mutes)',
    );
  });
});

test('links to what the package has at another place lead there, and images that it lacks are left out', () => {
  const page = 'See [the schema](../../auditor.schema.json#targets).\n\n![a picture](../images/a.png)\n';
  expect(packedLinks(page, { path: 'docs/checks/README.md', placeOf, files: undefined })).toBe(
    'See [the schema](../../schema.json#targets).\n\n\n',
  );
});

test.each([
  ['https://github.com/example/auditor', true],
  ['git+ssh://git@github.com/example/auditor.git', true],
  ['github:example/auditor', true],
  ['https://git.example.com/example/auditor', false],
  [undefined, false],
])('the repository %s is one with addresses that are known: %s', (repository, isKnown) => {
  expect(filesOf(repository, '1.0.0')).toBe(isKnown ? 'https://github.com/example/auditor/blob/v1.0.0/' : undefined);
});
