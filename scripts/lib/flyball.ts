/**
 * How a test starts `flyball`: what scripts/test.ts has built for this run, the program that users install and half the start-up of the
 * sources; without a build, or in a copy with something broken, the sources.
 */
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Loads TypeScript in processes that a test starts in folders of their own. */
export const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

/** Set by scripts/test.ts to the root of the repository that it built: a copy of it has no build. */
export const BUILT = 'FLYBALL_TEST_BUILT'

/** What stands between `node` and the arguments of `flyball`. */
export const FLYBALL: readonly string[] =
  process.env[BUILT] === ROOT ? [`${ROOT}dist/src/main.js`] : ['--import', TSX, `${ROOT}src/main.ts`]
