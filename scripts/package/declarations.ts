// Makes one file of declarations for each module that the package exports.

import { execFile } from 'node:child_process';
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CompilerState, Extractor, ExtractorConfig, type ExtractorMessage } from '@microsoft/api-extractor';
import { DIST, ROOT } from './folders.ts';
import { LIBRARY } from './library.ts';

/** Where tsconfig.build.json writes. */
const SINGLE_FILES = join(DIST, '.declarations');

/** Types of the CDK are imported; all others are in the file, so that a consumer needs no other package. */
export async function buildDeclarations(): Promise<void> {
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  await promisify(execFile)(process.execPath, [compiler, '--project', 'tsconfig.build.json'], { cwd: ROOT });
  const modules = Object.entries(LIBRARY).map(([name, module]) => ({
    file: join(DIST, name, 'index.d.ts'),
    entry: join(SINGLE_FILES, module.replace(/\.ts$/, '.d.ts')),
  }));
  const configs = modules.map(({ entry, file }) => configOf(entry, file));
  const [first] = configs;
  if (first === undefined) return;
  // Compiled once: most of the time goes to the declarations of the CDK.
  const compilerState = CompilerState.create(first, { additionalEntryPoints: modules.map(({ entry }) => entry) });
  for (const config of configs) {
    const { succeeded } = Extractor.invoke(config, { compilerState, messageCallback: onlyOfExports });
    if (!succeeded) throw new Error(`no declarations of ${config.mainEntryPointFilePath}: see the messages above`);
  }
  // The same types: to TypeScript, the extension says how the module beside them is loaded.
  await Promise.all(modules.map(({ file }) => copyFile(file, file.replace(/\.ts$/, '.cts'))));
  await rm(SINGLE_FILES, { recursive: true });
}

function configOf(entry: string, file: string): ExtractorConfig {
  return ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(ROOT, 'package.json'),
    configObject: {
      projectFolder: ROOT,
      mainEntryPointFilePath: entry,
      compiler: {
        overrideTsconfig: {
          compilerOptions: { module: 'nodenext', target: 'es2024', types: ['node'], skipLibCheck: true },
        },
      },
      apiReport: { enabled: false },
      docModel: { enabled: false },
      tsdocMetadata: { enabled: false },
      dtsRollup: { enabled: true, untrimmedFilePath: file },
      newlineKind: 'lf',
    },
  });
}

/** A type that a declaration needs must be exported. What is said of releases and of comments is no fault. */
function onlyOfExports(message: ExtractorMessage): void {
  message.handled = message.messageId !== 'ae-forgotten-export' && message.logLevel !== 'error';
}
