import { expect, test } from 'vitest'
import { readSkillFile } from '../../../src/fleet/skill-file.ts'

const skill = (...lines: readonly string[]) => `---\n${lines.join('\n')}\n---\n\n# Page\n`

test('keys, lists and blocks are read as they are written', () => {
  const text = skill(
    'name: claw-clan',
    'description: Use when the owner says "set up claw-clan"',
    'metadata:',
    '  openclaw:',
    '    os: [darwin, linux]',
    '    requires:',
    '      bins: []',
    "homepage: 'https://example.net: a'",
  )

  const { facts, body, faults } = readSkillFile(text, 'claw-clan')

  expect(faults).toEqual([])
  expect(facts).toEqual({
    name: 'claw-clan',
    description: 'Use when the owner says "set up claw-clan"',
    metadata: { openclaw: { os: ['darwin', 'linux'], requires: { bins: [] } } },
    homepage: 'https://example.net: a',
  })
  expect(body).toBe('\n# Page\n')
})

test.each([
  ['no front matter', '# Page', 'no front matter'],
  ['no end of it', '---\nname: a\n', 'no front matter'],
  ['no description', skill('name: a'), 'no description'],
  ['an empty one', skill('name: a', 'description: ""'), 'no description'],
  ['a long one', skill('name: a', `description: ${'x'.repeat(160)}`), 'longer than 159'],
  ['another name than its folder', skill('name: b', 'description: x'), 'named "b" in a folder "a"'],
  ['a name with capitals', skill('name: A', 'description: x'), 'lower case'],
  ['a colon that YAML takes for a key', skill('name: a', 'description: use this: now'), 'needs quotes'],
  ['a comment', skill('name: a', 'description: use # this'), 'needs quotes'],
  ['a folded text', skill('name: a', 'description: >'), 'needs quotes'],
  ['a key twice', skill('name: a', 'name: a', 'description: x'), 'twice'],
  ['a list of lines', skill('name: a', 'description: x', 'os:', '  - darwin'), 'no "key: value" line'],
])('%s is a fault', (_what, text, fault) => {
  expect(readSkillFile(text, 'a').faults.join('\n')).toContain(fault)
})
