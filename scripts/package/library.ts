// Bundles what programs import from the package: CommonJS, and ESM that gives the same classes.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild';
import { DIST, ROOT } from './folders.ts';
import { onlyVersion } from './only-version.ts';

/** What the package exports: a folder of the build for each module. */
export const LIBRARY = { lib: 'api/construct.ts', report: 'api/report.ts' } as const;

/** The package brings the scripts of the functions, and neither esbuild nor the sources. */
const prebuiltHandler: Plugin = {
  name: 'prebuilt-handler',
  setup(build) {
    build.onResolve({ filter: /^\.\/bundled-handler\.ts$/ }, () => ({
      path: join(ROOT, 'lib', 'prebuilt-handler.ts'),
    }));
  },
};

/**
 * @param needed - The oldest Node.js, such as 22.15.
 * @returns what is in the bundles
 */
export async function buildLibrary(needed: string): Promise<readonly Metafile[]> {
  const metafiles: Metafile[] = [];
  for (const [name, module] of Object.entries(LIBRARY)) {
    const options = {
      absWorkingDir: ROOT,
      entryPoints: [module],
      bundle: true,
      platform: 'node',
      target: `node${needed}`,
      external: ['aws-cdk-lib', 'constructs'],
      plugins: [prebuiltHandler, onlyVersion],
      legalComments: 'none',
      logLevel: 'warning',
    } as const satisfies BuildOptions;
    const file = join(DIST, name, 'index');
    const { metafile } = await build({
      ...options,
      outfile: `${file}.cjs`,
      format: 'cjs',
      // Zod's ESM sources lose what is not used.
      mainFields: ['module', 'main'],
      conditions: ['import'],
      sourcemap: 'linked',
      metafile: true,
      define: { 'import.meta.dirname': '__dirname' },
    });
    await writeFile(`${file}.js`, await esModule(options));
    metafiles.push(metafile);
  }
  return metafiles;
}

/** The classes must be the same ones however a program imports them: so ESM takes them from the CommonJS file. */
async function esModule(options: BuildOptions): Promise<string> {
  const { metafile } = await build({ ...options, outfile: 'index.js', format: 'esm', write: false, metafile: true });
  const names = Object.values(metafile.outputs)
    .flatMap(({ exports }) => exports)
    .sort();
  return `export { ${names.join(', ')} } from './index.cjs';\n`;
}
