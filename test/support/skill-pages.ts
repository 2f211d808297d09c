import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const SKILLS = join(import.meta.dirname, '..', '..', 'skills')

/** One page of a skill: its SKILL.md, or one of those below it. */
export type Page = {
  /** Path below `skills/`. */
  readonly name: string
  /** The skill's own folder, absolute. */
  readonly skill: string
  readonly folder: string
  readonly text: string
}

/** A command line that a page shows, and where. */
export type ShownCommand = {
  readonly page: string
  readonly line: number
  readonly text: string
  /** Without the folder in front of the program. */
  readonly words: readonly string[]
  /** It is called by its full path in the home. */
  readonly isFullPath: boolean
  /** It stands in a code block of its own, not within a sentence. */
  readonly isBlock: boolean
}

const BIN = '~/.openclaw/claw-clan/bin/'

/** Every page of every skill. */
export function skillPages(): readonly Page[] {
  return readdirSync(SKILLS, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.md'))
    .map(name => {
      const path = join(SKILLS, name)
      const skill = join(SKILLS, name.split('/')[0] ?? '')
      return { name, skill, folder: dirname(path), text: readFileSync(path, 'utf8') }
    })
}

/** Every command line of ours on a page, from code blocks and from code within sentences. */
export function commandsIn({ name, text }: Page): readonly ShownCommand[] {
  return codeIn(text).flatMap(({ code, line, isBlock }) => {
    const words = wordsOf(code)
    const first = words[0] ?? ''
    const isFullPath = first.startsWith(BIN)
    const program = isFullPath ? first.slice(BIN.length) : first
    if (!/^claw-[a-z-]+$/.test(program)) return []
    return [{ page: name, line, text: code, words: [program, ...words.slice(1)], isFullPath, isBlock }]
  })
}

/** Flags that stand alone within a sentence: `--port N`. */
export const flagsIn = ({ text }: Page): readonly string[] =>
  codeIn(text)
    .filter(({ isBlock }) => !isBlock)
    .flatMap(({ code }) => /^--[a-z][a-z-]*/.exec(code)?.[0] ?? [])

/** Names of pages a page points to, in links and in code, which do not exist. */
export function deadLinks({ text, folder, skill }: Page): readonly string[] {
  const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(([, to = '']) => join(folder, to))
  const named = [...text.matchAll(/\{baseDir\}\/([\w./-]+)/g)].map(([, to = '']) => join(skill, to))
  return [...links, ...named].filter(path => !existsSync(path))
}

function codeIn(text: string): readonly { code: string; line: number; isBlock: boolean }[] {
  let isBlock = false
  return text.split('\n').flatMap((line, at) => {
    if (/^\s*```/.test(line)) {
      isBlock = !isBlock
      return []
    }
    if (isBlock) return line.trim() === '' ? [] : [{ code: line.trim(), line: at + 1, isBlock }]
    return [...line.matchAll(/`([^`]+)`/g)].map(([, code = '']) => ({ code, line: at + 1, isBlock }))
  })
}

/** The words of a command line, quotes taken off as a shell would. */
const wordsOf = (code: string): readonly string[] =>
  [...code.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? '')
