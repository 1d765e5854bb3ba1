// Makes one file of declarations for each module that the package exports.

import { execFile } from 'node:child_process';
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Extractor, ExtractorConfig, type ExtractorMessage } from '@microsoft/api-extractor';
import { DIST, ROOT } from './folders.ts';
import { LIBRARY } from './library.ts';

/** Where tsconfig.build.json writes. */
const SINGLE_FILES = join(DIST, '.declarations');

/** Types of the CDK are imported; all others are in the file, so that a consumer needs no other package. */
export async function buildDeclarations(): Promise<void> {
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  await promisify(execFile)(process.execPath, [compiler, '--project', 'tsconfig.build.json'], { cwd: ROOT });
  for (const [name, module] of Object.entries(LIBRARY)) {
    const file = join(DIST, name, 'index.d.ts');
    rollUp(join(SINGLE_FILES, module.replace(/\.ts$/, '.d.ts')), file);
    // The same types: to TypeScript, the extension says how the module beside them is loaded.
    await copyFile(file, file.replace(/\.ts$/, '.cts'));
  }
  await rm(SINGLE_FILES, { recursive: true });
}

function rollUp(entry: string, file: string): void {
  const config = ExtractorConfig.prepare({
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
  const { succeeded } = Extractor.invoke(config, { messageCallback: onlyOfExports });
  if (!succeeded) throw new Error(`declarations of ${entry}: see the messages above`);
}

/** A type that a declaration needs must be exported. What is said of releases and of comments is no fault. */
function onlyOfExports(message: ExtractorMessage): void {
  message.handled = message.messageId !== 'ae-forgotten-export' && message.logLevel !== 'error';
}
