// Bundles every program of package.json's `bin` into dist/, or the folder named: CommonJS, shared and lazy chunks in
// its lib/, and a two-line starter per program that switches the compile cache on before anything larger is compiled.
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { type InputOptions, rolldown } from 'rolldown'

const root = join(import.meta.dirname, '..')
const dist = resolve(process.argv[2] ?? join(root, 'dist'))
const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  bin: Record<string, string>
}
const programs = Object.values(bin).map(path => basename(path, '.js'))
const source = (path: string) => join(root, 'src', path)

// ssh2 runs without them: its own addon and cpu-features only speed up ciphers that pings do not notice.
const NATIVE = /\.node$|^cpu-features$|^pg-native$/

const options: InputOptions = {
  cwd: root,
  platform: 'node',
  plugins: [
    {
      name: 'native-addons-are-absent',
      resolveId: id => (NATIVE.test(id) ? `\0absent:${id}` : null),
      load: id => (id.startsWith('\0absent:') ? 'throw new Error("native addon left out")' : null),
    },
  ],
  transform: { define: { 'process.env.NODE_ENV': '"production"' } },
  onLog(level, log, handler) {
    // Packages that use `eval` or mix module systems warn about themselves; only our own files are our business.
    if (level === 'warn' && !String(log.id ?? log.message).includes('/src/')) return
    handler(level, log)
  },
}

/** Every module that these sources load at once, packages included; what they import lazily is left out. */
async function loadedBy(...sources: readonly string[]): Promise<ReadonlySet<string>> {
  const bundle = await rolldown({ ...options, input: sources.map(source) })
  const { output } = await bundle.generate({ format: 'cjs' })
  await bundle.close()
  const chunks = new Map(
    output.flatMap(file => (file.type === 'chunk' ? [[file.fileName, file] as const] : [])),
  )
  const modules = new Set<string>()
  const visit = (name: string): void => {
    const chunk = chunks.get(name)
    chunks.delete(name)
    for (const id of chunk?.moduleIds ?? []) modules.add(id)
    chunk?.imports.forEach(visit)
  }
  for (const file of output) if (file.type === 'chunk' && file.isEntry) visit(file.fileName)
  return modules
}

// Every further file costs about half a millisecond of start-up. So what all programs need is one chunk, and what a
// ping round loads with its first probe is another; small files that programs need without SSH are kept out of that.
const everywhere = await loadedBy('bin/status.ts', 'store/journal.ts')
const probing = await loadedBy('adapters/peer-probe.ts', 'adapters/known-hosts.ts', 'adapters/ssh-keys.ts')
const started = await loadedBy(...programs.map(name => `bin/${name}.ts`))

const isProgram = (id: string) => id.startsWith(source('bin'))
const bundle = await rolldown({
  ...options,
  input: Object.fromEntries(programs.map(name => [name, source(`bin/${name}.ts`)])),
})
rmSync(dist, { recursive: true, force: true })
const { output } = await bundle.write({
  dir: join(dist, 'lib'),
  format: 'cjs',
  exports: 'named',
  minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
  entryFileNames: '[name].js',
  chunkFileNames: 'chunks/[name]-[hash].js',
  codeSplitting: {
    groups: [
      { name: 'core', test: id => everywhere.has(id) && !isProgram(id), priority: 2 },
      { name: 'shared', test: id => probing.has(id) && started.has(id) && !everywhere.has(id), priority: 2 },
      { name: 'probing', test: id => probing.has(id) && !everywhere.has(id), priority: 1 },
    ],
  },
})
await bundle.close()

// What stays in memory for months shares nothing with the programs: a shared chunk would bring all that they need.
const resident = await rolldown({ ...options, input: { announcer: source('bin/announcer.ts') } })
await resident.write({
  dir: dist,
  format: 'cjs',
  minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
  entryFileNames: '[name].js',
  chunkFileNames: 'lib/chunks/[name]-[hash].js',
})
await resident.close()

// What a remote install sends ahead of everything else: one file, small enough for one argument of a command.
const ahead = await rolldown({ ...options, input: { receiver: source('bin/receiver.ts') } })
await ahead.write({
  dir: dist,
  format: 'cjs',
  minify: true,
  entryFileNames: '[name].js',
  codeSplitting: false,
})
await ahead.close()

for (const name of programs) {
  const starter = join(dist, `${name}.js`)
  const cache = "require('node:path').join(__dirname, 'cache')"
  writeFileSync(
    starter,
    `#!/usr/bin/env node\nrequire('node:module').enableCompileCache(${cache})\nrequire('./lib/${name}.js')\n`,
  )
  chmodSync(starter, 0o755)
}
// Last, and known by it: a build that was killed, or that still goes on, is not taken for a whole one.
writeFileSync(join(dist, 'package.json'), `${JSON.stringify({ type: 'commonjs' })}\n`)
const bytes = output.reduce((sum, file) => sum + (file.type === 'chunk' ? file.code.length : 0), 0)
process.stdout.write(
  `built ${programs.length} programs into ${dist}: ${output.length} files, ${Math.round(bytes / 1024)} kB\n`,
)
