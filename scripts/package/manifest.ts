// Writes the package.json that is published: the checkout's has scripts and dependencies of its own.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DIST, ROOT } from './folders.ts';
import { SBOM } from './sbom.ts';
import { THIRD_PARTY_LICENSES } from './third-party-licenses.ts';

/** The oldest Node.js on which the package runs: the first that gives the authorities of the operating system. */
export const NEEDED_NODE = '22.15';

/** What is published, besides package.json, README and LICENSE, which npm always takes. */
const FILES = [
  'bin',
  'handler',
  'cloudformation',
  'lib',
  'report',
  'schema.json',
  'schemas',
  'docs',
  'examples',
  'Dockerfile',
  'auditor.config.example.json',
  'CHANGELOG.md',
  THIRD_PARTY_LICENSES,
  SBOM,
];

export function writeManifest(): void {
  const { name, version, description, license, repository, type, dependencies } = read('package.json');
  const { peerDependencies: ofCdk } = read('node_modules/aws-cdk-lib/package.json');
  // The CDK of the tests, and what is compatible with it.
  const peers = { 'aws-cdk-lib': `^${dependencies['aws-cdk-lib']}`, constructs: ofCdk.constructs };
  const manifest = {
    name,
    version,
    description,
    keywords: ['postgresql', 'tls', 'ssl', 'audit', 'security', 'aws-cdk', 'pg_stat_ssl', 'cli'],
    license,
    // npm publishes provenance only where this names the repository that publishes.
    repository,
    type,
    engines: { node: `>=${NEEDED_NODE}` },
    bin: { [name]: 'bin/pg-tls-auditor.mjs' },
    main: './lib/index.cjs',
    types: './lib/index.d.cts',
    exports: {
      '.': both('lib'),
      './report': both('report'),
      './schema.json': './schema.json',
      './schemas/*.json': './schemas/*.json',
      './package.json': './package.json',
    },
    files: FILES,
    peerDependencies: peers,
    // For the command line alone, npm installs neither.
    peerDependenciesMeta: Object.fromEntries(Object.keys(peers).map((peer) => [peer, { optional: true }])),
  };
  writeFileSync(join(DIST, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

function read(path: string) {
  return JSON.parse(readFileSync(join(ROOT, path), 'utf8'));
}

/** The module of that folder, for `import` and for `require`. */
function both(folder: string) {
  return {
    import: { types: `./${folder}/index.d.ts`, default: `./${folder}/index.js` },
    require: { types: `./${folder}/index.d.cts`, default: `./${folder}/index.cjs` },
  };
}
