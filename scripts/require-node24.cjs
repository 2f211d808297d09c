// Every npm script starts here: `npm ci --ignore-scripts` leaves the devDependency `node@24` without its
// binary, and an older Node would then fail on the first .ts file with a message nobody understands.
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 24 || (major === 24 && minor < 11)) {
  process.stderr.write(
    `claw-clan needs Node >= 24.11, this is ${process.versions.node} (${process.execPath}).\n` +
      'Run "npm ci" without --ignore-scripts: it brings its own Node 24.\n',
  )
  process.exit(1)
}
