// Runs every ring of tests that this machine can run. Words after it are passed to vitest as filters; --long runs the
// full forms. With CI=true or CLAW_TEST_INSTALL=1 what is missing is installed, and nothing may be left out.
// The last line is always "N passed, N failed".
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { install, lacks, type Ring } from './requirements.ts'

type Count = { readonly passed: number; readonly failed: number; readonly skipped: number }

type Report = {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly testResults: readonly {
    readonly status: string
    readonly assertionResults: readonly { readonly status: string }[]
  }[]
}

const ROOT = join(import.meta.dirname, '..')
const RINGS: readonly Ring[] = ['unit', 'contract', 'system']
const args = process.argv.slice(2)
const long = args.includes('--long')
const filters = args.filter(word => word !== '--long')
const complete = ['true', '1'].includes(process.env.CI ?? '') || process.env.CLAW_TEST_INSTALL === '1'

/** One ring, its output shown as it comes. A run that ends without a report is one failure. */
function run(ring: Ring, report: string): Count {
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs')
  const options = [
    'run',
    '-c',
    join('test', 'vitest.config.ts'),
    '--project',
    ring,
    '--reporter=default',
    '--reporter=json',
  ]
  const more = filters.length > 0 ? ['--passWithNoTests', ...filters] : []
  const { status } = spawnSync(
    process.execPath,
    [vitest, ...options, `--outputFile.json=${report}`, ...more],
    {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...process.env,
        // whoever starts "node" in a test gets this one
        PATH: [dirname(process.execPath), process.env.PATH ?? ''].join(delimiter),
        ...(long ? { CLAW_TEST_LONG: '1' } : {}),
      },
    },
  )
  const count = counted(report)
  return status !== 0 && count.failed === 0 ? { ...count, failed: 1 } : count
}

/** A file that did not even load has no failed test to count, and counts as one. */
function counted(report: string): Count {
  let parsed: Report
  try {
    parsed = JSON.parse(readFileSync(report, 'utf8'))
  } catch {
    return { passed: 0, failed: filters.length > 0 ? 0 : 1, skipped: 0 }
  }
  const broken = parsed.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some(test => test.status === 'failed'),
  )
  return {
    passed: parsed.numPassedTests,
    failed: parsed.numFailedTests + broken.length,
    skipped: parsed.numPendingTests + parsed.numTodoTests,
  }
}

function runAll(): void {
  if (process.env.HOME === '') delete process.env.HOME // or whatever wants a home makes one right here
  if (complete) install(RINGS)
  if (process.platform === 'linux' && process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true })
  const folder = mkdtempSync(join(tmpdir(), 'claw-test-'))
  const counts: Count[] = []
  const leftOut: string[] = []
  try {
    for (const ring of RINGS) {
      const missing = lacks(ring)
      if (missing.length === 0) counts.push(announced(ring, join(folder, `${ring}.json`)))
      else
        leftOut.push(
          `${complete ? 'Cannot run' : 'Left out'}: the ring "${ring}" needs ${missing.join(', ')}`,
        )
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  summarise(counts, leftOut)
}

function announced(ring: Ring, report: string): Count {
  const begun = performance.now()
  console.log(`\n=== ring ${ring}${long ? ', full forms' : ''}`)
  const count = run(ring, report)
  console.log(
    `=== ring ${ring}: ${count.passed} passed, ${count.failed} failed, ${Math.round((performance.now() - begun) / 1000)} s`,
  )
  return count
}

function summarise(counts: readonly Count[], leftOut: readonly string[]): void {
  const sum = (key: keyof Count) => counts.reduce((total, count) => total + count[key], 0)
  const skipped = complete && filters.length === 0 ? sum('skipped') : 0
  const failed = sum('failed') + skipped + (complete ? leftOut.length : 0)
  console.log()
  for (const line of leftOut) console.log(line)
  if (leftOut.length > 0 && !complete) {
    console.log(
      '  Run it as root on Debian or Ubuntu: "CLAW_TEST_INSTALL=1 npm test" installs what is missing with apt-get',
    )
  }
  if (skipped > 0) console.log(`${skipped} tests were skipped, which counts as failed here`)
  const nothing = sum('passed') + failed === 0
  if (nothing) console.log(`No test matches ${filters.join(' ')}`)
  console.log(`${sum('passed')} passed, ${failed} failed`)
  process.exitCode = failed > 0 || nothing ? 1 : 0
}

runAll()
