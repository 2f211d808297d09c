// Bundles every program of package.json's `bin` into dist/: CommonJS, shared and lazy chunks in dist/lib, and a
// two-line starter per program that switches the compile cache on before anything larger is compiled.
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { rolldown } from 'rolldown'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')
const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  bin: Record<string, string>
}
const programs = Object.values(bin).map(path => basename(path, '.js'))

// ssh2 runs without them: its own addon and cpu-features only speed up ciphers that pings do not notice.
const NATIVE = /\.node$|^cpu-features$|^pg-native$/

const bundle = await rolldown({
  cwd: root,
  platform: 'node',
  input: Object.fromEntries(programs.map(name => [name, join(root, 'src', 'bin', `${name}.ts`)])),
  plugins: [
    {
      name: 'native-addons-are-absent',
      resolveId: source => (NATIVE.test(source) ? `\0absent:${source}` : null),
      load: id => (id.startsWith('\0absent:') ? 'throw new Error("native addon left out")' : null),
    },
  ],
  transform: { define: { 'process.env.NODE_ENV': '"production"' } },
  onLog(level, log, handler) {
    // Packages that use `eval` or mix module systems warn about themselves; only our own files are our business.
    if (level === 'warn' && !String(log.id ?? log.message).includes('/src/')) return
    handler(level, log)
  },
})

rmSync(dist, { recursive: true, force: true })
const { output } = await bundle.write({
  dir: join(dist, 'lib'),
  format: 'cjs',
  exports: 'named',
  minify: { compress: true, mangle: false, codegen: { removeWhitespace: false } },
  entryFileNames: '[name].js',
  chunkFileNames: 'chunks/[name]-[hash].js',
})
await bundle.close()

mkdirSync(dist, { recursive: true })
writeFileSync(join(dist, 'package.json'), `${JSON.stringify({ type: 'commonjs' })}\n`)
for (const name of programs) {
  const starter = join(dist, `${name}.js`)
  const cache = "require('node:path').join(__dirname, 'cache')"
  writeFileSync(
    starter,
    `#!/usr/bin/env node\nrequire('node:module').enableCompileCache(${cache})\nrequire('./lib/${name}.js')\n`,
  )
  chmodSync(starter, 0o755)
}
const bytes = output.reduce((sum, file) => sum + (file.type === 'chunk' ? file.code.length : 0), 0)
process.stdout.write(
  `built ${programs.length} programs into dist/: ${output.length} files, ${Math.round(bytes / 1024)} kB\n`,
)
