import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { readSkillFile } from '../../src/fleet/skill-file.ts'
import { runProgram } from '../support/program.ts'
import { commandsIn, deadLinks, flagsIn, type ShownCommand, skillPages } from '../support/skill-pages.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const PAGES = skillPages()
const SKILL_FILES = PAGES.filter(({ name }) => basename(name) === 'SKILL.md')
const programs: readonly string[] = Object.keys(
  JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).bin,
)

test('there are skills, and every page below them was read', () => {
  expect(SKILL_FILES.map(({ name }) => name)).toContain('claw-clan/SKILL.md')
  expect(PAGES.length).toBeGreaterThanOrEqual(4)
  expect(PAGES.flatMap(page => commandsIn(page)).length).toBeGreaterThan(60)
})

test.each(SKILL_FILES)('$name is what OpenClaw loads', ({ name, text }) => {
  const { facts, faults } = readSkillFile(text, name.split('/')[0] ?? '')

  expect(faults).toEqual([])
  // Anything else in "os" never matches; ours are in no PATH that a gateway surely has.
  expect(facts.metadata).toEqual({ openclaw: { os: ['darwin', 'linux'], requires: { bins: ['ssh'] } } })
})

test('the skill is chosen when the owner says "set up claw-clan"', () => {
  const page = SKILL_FILES.find(({ name }) => name === 'claw-clan/SKILL.md')

  expect(readSkillFile(page?.text ?? '', 'claw-clan').facts.description).toContain('set up claw-clan')
})

test.each(SKILL_FILES)('$name: what the agent runs is called by its full path and with --json', page => {
  const shown = commandsIn(page).filter(({ isBlock, words }) => isBlock || words.length > 1)

  const wrong = shown.filter(({ isFullPath, words }) => !isFullPath || !words.includes('--json'))

  expect(wrong.map(place)).toEqual([])
})

test.each(SKILL_FILES)('$name: the agent never believes a host key by itself', page => {
  expect(page.text).not.toContain('--accept-new-host-key')
  expect(
    commandsIn(page).filter(({ words }) =>
      words.some(word => word.startsWith('SHA256:') && word !== 'SHA256:FINGERPRINT'),
    ),
  ).toEqual([])
})

test.each(PAGES)('$name: every command line is one that our programs take', async page => {
  const verdicts = await inTurns(commandsIn(page), verdictOn)

  expect(verdicts.filter(verdict => verdict !== '')).toEqual([])
})

test('flags named within sentences exist', async () => {
  const help = (await Promise.all(programs.map(allHelp))).join('\n')
  // `--[no-]register` stands for both.
  const known = new Set(
    [...help.matchAll(/--(\[no-\])?([a-z][a-z-]*)/g)].flatMap(([, no, flag]) =>
      no === undefined ? [`--${flag}`] : [`--${flag}`, `--no-${flag}`],
    ),
  )

  const unknown = PAGES.flatMap(page =>
    flagsIn(page)
      .filter(flag => !known.has(flag))
      .map(flag => `${page.name}: ${flag}`),
  )

  expect(unknown).toEqual([])
})

test.each(PAGES)('$name: links lead somewhere', page => {
  expect(deadLinks(page)).toEqual([])
})

test('the page on SSH has every word that a program may give', () => {
  const page = PAGES.find(({ name }) => name === 'claw-clan/references/ssh-troubleshooting.md')
  const words = [
    ...unionIn('error.ts', 'ErrorCode'),
    ...unionIn('probe.ts', 'MissReason'),
    ...unionIn('probe.ts', 'UnmadeReason'),
  ]

  expect(words.length).toBeGreaterThan(25)
  expect(words.filter(word => !page?.text.includes(`\`${word}\``))).toEqual([])
})

const place = ({ page, line, text }: ShownCommand) => `${page}:${line} ${text}`

/** Ask the program itself: with --help at the end it reads the whole line and does nothing. */
async function verdictOn(shown: ShownCommand): Promise<string> {
  const [program = '', ...args] = shown.words
  if (!programs.includes(program)) return `${place(shown)}: no such program`
  if (args.length === 0 && !shown.isBlock) return ''
  const { code, stdout, stderr } = await runProgram(program.slice('claw-'.length), [...args, '--help'])
  if (code !== 0) return `${place(shown)}: ${stderr.trim() || stdout.trim()}`
  return takes(stdout, args) ? '' : `${place(shown)}: ${/^Usage: .*$/m.exec(stdout)?.[0]}`
}

/** Are there as many words as the usage line says? `claw-x sub USER HOST [NAME] [options]`, alternatives by `|`. */
function takes(help: string, args: readonly string[]): boolean {
  const usage = /^Usage: (.*)$/m.exec(help)?.[1] ?? ''
  const [, ...words] = usage.replace(' [options]', '').split(' ')
  const sub = words.slice(0, 1).filter(word => /^[a-z][a-z-]*$/.test(word) && word === args[0])
  const operands = words.slice(sub.length).join(' ')
  const given = operandsIn(args.slice(sub.length), help)
  return operands.split(' | ').some(form => {
    const parts = form.split(' ').filter(part => part !== '')
    const least = parts.filter(part => !part.startsWith('[')).length
    const isLiteral = parts.length === 1 && /^[a-z]+$/.test(parts[0] ?? '')
    return given.length >= least && given.length <= parts.length && (!isLiteral || given[0] === parts[0])
  })
}

/** Words that are neither flags nor what follows a flag with a value; the help text names that value in capitals. */
function operandsIn(args: readonly string[], help: string): readonly string[] {
  const valued = new Set([...help.matchAll(/^ +(--[a-z][a-z-]*) [A-Z]/gm)].map(([, flag = '']) => flag))
  return args.filter((word, at) => !word.startsWith('-') && !valued.has(args[at - 1] ?? ''))
}

async function allHelp(program: string): Promise<string> {
  const name = program.slice('claw-'.length)
  const { stdout } = await runProgram(name, ['--help'])
  const subs = [...stdout.matchAll(/^ {2}([a-z][a-z-]*) {2,}\S/gm)].map(([, sub = '']) => sub)
  const pages = await inTurns(subs, async sub => (await runProgram(name, [sub, '--help'])).stdout)
  return [stdout, ...pages].join('\n')
}

/** A few at a time: each is a process. */
async function inTurns<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = []
  const waiting = items.entries()
  const worker = async () => {
    for (const [at, item] of waiting) results[at] = await work(item)
  }
  await Promise.all([worker(), worker(), worker()])
  return results
}

/** The words of a union type of text literals, read from its source. */
function unionIn(file: string, type: string): readonly string[] {
  const source = readFileSync(join(ROOT, 'src', 'fleet', file), 'utf8')
  const [, body = ''] = new RegExp(`export type ${type} =([\\s\\S]*?)\\n\\n`).exec(source) ?? []
  return [...body.replaceAll(/\/\/.*$/gm, '').matchAll(/'([a-z-]+)'/g)].map(([, word = '']) => word)
}
