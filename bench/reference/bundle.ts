import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rolldown } from 'rolldown'

/** Native addons stay out, as in our own bundle. */
const NATIVE = /\.node$|^cpu-features$/

/**
 * Bundle the reference script as our programs are: CommonJS, minified the same way, with a starter that switches the
 * compile cache on. Only so is start-up like for like.
 *
 * @returns path of the starter
 */
export async function bundleReference(dir: string): Promise<string> {
  const bundle = await rolldown({
    platform: 'node',
    input: join(import.meta.dirname, 'tuned-ssh2.mjs'),
    plugins: [
      {
        name: 'native-addons-are-absent',
        resolveId: source => (NATIVE.test(source) ? `\0absent:${source}` : null),
        load: id => (id.startsWith('\0absent:') ? 'throw new Error("native addon left out")' : null),
      },
    ],
    onLog: () => {},
  })
  await bundle.write({
    file: join(dir, 'bundle.js'),
    format: 'cjs',
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: false } },
  })
  await bundle.close()
  const starter = join(dir, 'tuned-ssh2.js')
  const cache = "require('node:path').join(__dirname, 'cache')"
  writeFileSync(join(dir, 'package.json'), '{ "type": "commonjs" }\n')
  writeFileSync(starter, `require('node:module').enableCompileCache(${cache})\nrequire('./bundle.js')\n`)
  return starter
}
