/** One import, export-from or import() of a source file. */
export type Import = {
  readonly from: string
  /** False for `import type`, `export type`, `typeof import()` and `import('x').SomeType`. */
  readonly runs: boolean
}

/** Source with comments and regular expressions blanked, and every string reduced to `"n"`, its index in `strings`. */
export type Bare = { readonly code: string; readonly strings: readonly string[] }

/** A slash begins a regular expression where a value is expected: after an operator, an opening bracket or a keyword. */
const VALUE_NEXT =
  /(?:^|[(,=:[!&|?{};+*%<>~^-]|=>|\b(?:return|typeof|case|in|of|await|yield|void|delete|else))\s*$/

const TOKEN =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|[`}{]|\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/g

/** Take everything out of TypeScript source that could look like code and is none. */
export function bare(source: string): Bare {
  const strings: string[] = []
  const open: ('template' | 'block')[] = []
  let code = ''
  let at = 0
  const template = () => {
    const end = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*(`|\$\{|$)/y
    end.lastIndex = at
    const found = end.exec(source)
    at = end.lastIndex
    if (found?.[1] === '${') open.push('template')
    code += found?.[1] === '${' ? ' + (' : `"${strings.push('') - 1}"`
  }
  while (at < source.length) {
    TOKEN.lastIndex = at
    const token = TOKEN.exec(source)
    code += source.slice(at, token?.index ?? source.length)
    if (token === null) break
    const [text, single, double] = token
    at = token.index + text.length
    if (single !== undefined || double !== undefined) code += `"${strings.push(single ?? double ?? '') - 1}"`
    else if (text === '`') template()
    else if (text === '{') code += open.push('block') && '{'
    else if (text === '}' && open.pop() === 'template') {
      code += ') + '
      template()
    } else if (text === '}') code += '}'
    else if (text.startsWith('//') || text.startsWith('/*')) code += text.replace(/[^\n]/g, ' ')
    else if (VALUE_NEXT.test(code)) code += '/ /'
    else {
      code += '/' // a division: what follows it is code again
      at = token.index + 1
    }
  }
  return { code, strings }
}

const STATIC = /\b(import|export)\s+(type\s+(?!from\b|,)(?=[\w$*{]))?(?:[\w$*{][^;"()=]*?\bfrom\s*)?"(\d+)"/g
const DYNAMIC =
  /(\btypeof\s+)?(?<![\w$.])import\s*\(\s*(?:"(\d+)")?[^)]*\)(\s*\.\s*(?!then\b|catch\b|finally\b)[\w$]+)?/g

/** Every module a file names, in the order static, dynamic. A computed `import(x)` is reported as from "(computed)". */
export function importsOf(source: string): readonly Import[] {
  const { code, strings } = bare(source)
  const named = (index: string | undefined) =>
    index === undefined ? '(computed)' : (strings[Number(index)] ?? '')
  const statics = [...code.matchAll(STATIC)].map(([, , type, index]) => ({
    from: named(index),
    runs: type === undefined,
  }))
  const dynamics = [...code.matchAll(DYNAMIC)].map(([, ofType, index, member]) => ({
    from: named(index),
    runs: ofType === undefined && member === undefined,
  }))
  return [...statics, ...dynamics]
}
