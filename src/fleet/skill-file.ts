/** A value of a skill's front matter: text, a list of texts, or a block of further keys. */
export type SkillValue = string | readonly string[] | { readonly [key: string]: SkillValue }

/** A SKILL.md: its front matter, and the page below it. */
export type SkillFile = {
  readonly facts: Readonly<Record<string, SkillValue>>
  readonly body: string
  /** Why OpenClaw would not load it, or not as meant; empty for a good one. */
  readonly faults: readonly string[]
}

/** OpenClaw's own advice; a longer one is cut in long catalogues. Characters. */
export const MAX_DESCRIPTION = 160

/**
 * Read a SKILL.md as strictly as we write it: `key: value` lines between two `---`, two spaces per level, lists in
 * brackets. Everything YAML has beyond that is a fault.
 *
 * @param folder  name of the folder it lies in, which must be its name
 * @see OpenClaw's docs/tools/skills.md for the keys
 */
export function readSkillFile(text: string, folder: string): SkillFile {
  const [, head, body = ''] = /^---\n([\s\S]*?)\n---\n([\s\S]*)$/.exec(text) ?? []
  if (head === undefined)
    return { facts: {}, body: text, faults: ['it has no front matter between two "---"'] }
  const faults: string[] = []
  const facts = readBlock(head.split('\n'), 0, faults)
  return { facts, body, faults: [...faults, ...faultsOf(facts, folder)] }
}

/** Lines of one level and all below it. */
function readBlock(lines: readonly string[], depth: number, faults: string[]): Record<string, SkillValue> {
  const block: Record<string, SkillValue> = {}
  const indent = ' '.repeat(2 * depth)
  for (const [at, line] of lines.entries()) {
    if (line.startsWith(`${indent} `)) continue // belongs to the key above
    const [, key = '', value = ''] = /^([A-Za-z][\w-]*):(?: (.*))?$/.exec(line.slice(indent.length)) ?? []
    if (!line.startsWith(indent) || key === '') {
      faults.push(`"${line.slice(0, 60)}" is no "key: value" line`)
      continue
    }
    if (Object.hasOwn(block, key)) faults.push(`"${key}" stands there twice`)
    block[key] =
      value === '' ? readBlock(below(lines, at, indent), depth + 1, faults) : readValue(value, faults)
  }
  return block
}

function below(lines: readonly string[], at: number, indent: string): readonly string[] {
  const rest = lines.slice(at + 1)
  const end = rest.findIndex(line => !line.startsWith(`${indent} `))
  return end < 0 ? rest : rest.slice(0, end)
}

function readValue(text: string, faults: string[]): SkillValue {
  const list = /^\[(.*)\]$/.exec(text)?.[1]
  if (list !== undefined) return list === '' ? [] : list.split(',').map(item => item.trim())
  const quoted = /^'([^']*)'$/.exec(text)?.[1] ?? /^"([^"\\]*)"$/.exec(text)?.[1]
  if (quoted === undefined && (/^[&*!|>'"%@`{[#]/.test(text) || /: | #/.test(text))) {
    faults.push(`"${text.slice(0, 60)}" needs quotes`)
  }
  return quoted ?? text
}

function faultsOf({ name, description }: SkillFile['facts'], folder: string): readonly string[] {
  const isName = typeof name === 'string' && /^[a-z0-9][a-z0-9-]*$/.test(name)
  const said = typeof description === 'string' ? description.trim() : ''
  return [
    ...(isName ? [] : ['its name must be of lower case letters, digits and hyphens']),
    ...(!isName || name === folder ? [] : [`it is named "${name}" in a folder "${folder}"`]),
    ...(said === '' ? ['it has no description, so OpenClaw skips it'] : []),
    ...([...said].length < MAX_DESCRIPTION
      ? []
      : [`its description is longer than ${MAX_DESCRIPTION - 1} characters`]),
  ]
}
