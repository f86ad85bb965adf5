/**
 * Node's own runner over the files named, three at a time and in their order, which `node --test` would sort. Arguments of `node` itself
 * (`--import tsx`, `--test-timeout`) hold for every file.
 */
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

const tests = run({ files: process.argv.slice(2), concurrency: 3 })
tests.on('test:fail', () => {
  process.exitCode = 1
})
tests.compose(new spec()).pipe(process.stdout)
