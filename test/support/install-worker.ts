// Installs one version into a home, as install.ts does, from a folder of built programs: `node install-worker.ts HOME
// DIST [SKILLS]`. Prints what was done as JSON.
import { installVersion } from '../../src/actions/install.ts'
import { homePaths } from '../../src/adapters/home-paths.ts'
import { installDeps } from '../../src/cli/install-deps.ts'
import { alone } from '../../src/cli/version-deps.ts'

const [home, dist = '', skills] = process.argv.slice(2)
process.umask(0o077)
const paths = homePaths(home)
const deps = await installDeps({
  paths,
  clone: { parts: skills === undefined ? {} : { skills }, dist: async () => dist },
  // Copying node would be most of the time of every test.
  wishes: { node: process.execPath },
  dryRun: false,
  terminal: { progress: () => undefined },
})
process.stdout.write(JSON.stringify(await alone(paths, () => installVersion(deps, false))))
