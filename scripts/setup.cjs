// `npm run setup`, under whatever Node the machine has: fetches what package.json names where that is missing, then
// goes on under our own Node 24, which is among it.
const { spawnSync } = require('node:child_process')
const { existsSync, readFileSync } = require('node:fs')
const { join } = require('node:path')

const root = join(__dirname, '..')
const own = join(root, 'node_modules', 'node', 'bin', 'node')
const [major, minor] = process.versions.node.split('.').map(Number)
const isNewEnough = major > 24 || (major === 24 && minor >= 11)

function run(file, args) {
  const { status, error } = spawnSync(file, args, { cwd: root, stdio: 'inherit' })
  if (error) process.stderr.write(`claw-clan: cannot start ${file}: ${error.message}\n`)
  if (status !== 0) process.exit(status === null ? 1 : status)
}

// A clone that was updated may name other packages than those it was fetched with.
const { devDependencies } = require('../package.json')
const versionOf = name => {
  try {
    return JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version
  } catch {
    return undefined
  }
}
const isCurrent = Object.entries(devDependencies).every(([name, version]) => versionOf(name) === version)
const isFetched = isCurrent && (isNewEnough || existsSync(own))
if (!isFetched) {
  const npm = process.env.npm_execpath
  if (npm) run(process.execPath, [npm, 'ci'])
  else run('npm', ['ci'])
}
const node = existsSync(own) ? own : process.execPath
if (node !== own && !isNewEnough) {
  process.stderr.write(
    `claw-clan needs Node >= 24.11, this is ${process.versions.node} (${process.execPath}).\n` +
      'Run "npm ci" without --ignore-scripts: it brings its own Node 24.\n',
  )
  process.exit(1)
}
// The folder the owner is in stays: a relative --bin-dir is meant from there.
const cwd = process.env.INIT_CWD || process.cwd()
const { status } = spawnSync(node, [join(root, 'install.ts'), '--setup', ...process.argv.slice(2)], {
  cwd,
  stdio: 'inherit',
})
process.exitCode = status === null ? 1 : status
