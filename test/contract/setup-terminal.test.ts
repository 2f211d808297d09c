import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { readyHome, runProgram, temporaryFolder } from '../support/program.ts'
import { startTyped, type TypedProgram } from '../support/typed.ts'

const NO_OFFERS = ['register', 'discover', 'enrol', 'check', 'schedule'].map(offer => `--no-${offer}`)

const jsonIn = async (home: string, file: string) => JSON.parse(await readFile(join(home, file), 'utf8'))

/** Answer questions as they come up; empty text is Enter alone. */
async function answer(setup: TypedProgram, ...replies: readonly (readonly [RegExp, string])[]) {
  for (const [question, text] of replies) {
    await setup.waitFor(question)
    setup.type(text)
    // What is typed and Enter in one chunk would be one key to a terminal in raw mode.
    if (text !== '') await setup.waitFor(new RegExp(`${question.source}.*${text.slice(0, 1)}`, 's'))
    setup.type('\r')
  }
}

test('claw-setup on a terminal asks, says at once what is wrong, and writes what was answered', async () => {
  await using folder = await temporaryFolder()
  const home = join(folder.path, 'home')
  const setup = startTyped('setup', ['--home', home, ...NO_OFFERS])

  await answer(setup, [/Gateway id/, 'studio'], [/Name:/, ''], [/Lead number/, '0'])
  await setup.waitFor(/from 1 to 9999/)
  setup.type('\u007f7\r')
  await answer(
    setup,
    [/SSH user/, 'claw'],
    [/Git repository/, ''],
    [/carried away/, ''],
    [/may the fleet leader/i, ''],
  )
  await answer(setup, [/ntfy topic/, 'https://ntfy.sh/fleet-1'])

  expect(await setup.ended).toBe(0)
  expect(await jsonIn(home, 'state.json')).toMatchObject({
    gatewayId: 'studio',
    leadNumber: 7,
    sshUser: 'claw',
  })
  expect(await jsonIn(home, 'config.json')).toMatchObject({
    allow: { restartGateway: false },
    alerts: [{ kind: 'ntfy', url: 'https://ntfy.sh/fleet-1' }],
  })
  // Where the cursor is sent elsewhere, another line begins.
  const moves = new RegExp(`[\\r\\n]|${String.fromCharCode(27)}\\[[0-9;]*[A-HJK]`)
  const lines = setup.screen().split(moves).map(stripVTControlCharacters)
  expect(lines.filter(line => line.length > 80)).toEqual([])
})

test.each([
  ['Ctrl-C', '\u0003'],
  ['Ctrl-D', '\u0004'],
  ['Escape', '\u001b'],
])('%s at a question ends it with one line, and nothing is written', async (_name, key) => {
  await using folder = await temporaryFolder()
  const home = join(folder.path, 'home')
  const setup = startTyped('setup', ['--home', home])

  await answer(setup, [/Gateway id/, 'studio'])
  await setup.waitFor(/Name:/)
  setup.type(key)

  expect(await setup.ended).toBe(1)
  expect(setup.screen()).toContain('claw-setup: Cancelled: nothing was written')
  expect(existsSync(home)).toBe(false)
})

test('running it again shows the answers, asks none of them, and changes what is marked', async () => {
  await using home = await readyHome('--name', 'Before', '--lead', '4')
  const before = await jsonIn(home.path, 'state.json')
  const setup = startTyped('setup', ['--home', home.path, ...NO_OFFERS])

  await setup.waitFor(/Present answers.*Before/s)
  setup.type('\u001b[B')
  setup.type(' ')
  setup.type('\r')
  await answer(setup, [/Name:/, 'After'])

  expect(await setup.ended).toBe(0)
  const { incarnation, name, ...after } = await jsonIn(home.path, 'state.json')
  expect({ ...before, incarnation, name }).toEqual({
    ...after,
    incarnation: before.incarnation + 1,
    name: 'After',
  })
})

test('with --yes nobody is asked, on a terminal either', async () => {
  await using folder = await temporaryFolder()
  const setup = startTyped('setup', ['--yes', '--home', join(folder.path, 'home')])

  expect(await setup.ended).toBe(0)
  expect(setup.screen()).toContain('Set up this machine as')
})

test('without a terminal the flags of missing answers are named, and nothing is written', async () => {
  await using folder = await temporaryFolder()
  const home = join(folder.path, 'home')

  const { code, stdout, stderr } = await runProgram('setup', ['--home', home, '--lead', '3'])

  expect(code).toBe(2)
  expect(stdout).toBe('')
  expect(stderr).toContain('--gateway-id, --name, --ssh-user')
  expect(existsSync(home)).toBe(false)
})

test.each([
  [['--may-be-away', '--no-may-be-away'], '--no-may-be-away'],
  [['--ntfy', 'topic'], '--ntfy'],
  [['--ask'], '--ask'],
  [['--register', '--no-register'], '--no-register'],
])('%j is refused with exit 2', async (flags, named) => {
  await using folder = await temporaryFolder()

  const { code, stderr } = await runProgram('setup', ['--yes', '--home', join(folder.path, 'home'), ...flags])

  expect(code).toBe(2)
  expect(stderr).toContain(named)
})

test('a token in the address of the repository is stored and never shown', async () => {
  await using folder = await temporaryFolder()
  const home = join(folder.path, 'home')
  const flags = ['--yes', '--home', home, '--repo', 'https://me:s3cret@host/skills.git']

  const text = await runProgram('setup', flags)
  const json = await runProgram('setup', [...flags, '--json'])

  expect(`${text.stdout}${text.stderr}${json.stdout}`).not.toContain('s3cret')
  expect(JSON.parse(json.stdout).self.githubRepo).toBe('https://***@host/skills.git')
  expect((await jsonIn(home, 'config.json')).skills.repo).toBe('https://me:s3cret@host/skills.git')
})

test.each([
  { damage: 'no JSON', content: '{"gatewayId": "stu' },
  { damage: 'no id', content: '{}' },
])('a state.json with $damage is set aside, and the machine stays itself', async ({ content }) => {
  await using home = await readyHome(
    '--gateway-id',
    'studio',
    '--lead',
    '7',
    '--name',
    'Studio',
    '--may-be-away',
  )
  const before = await jsonIn(home.path, 'state.json')
  await writeFile(join(home.path, 'state.json'), content)

  const { code, stdout } = await runProgram('setup', ['--home', home.path, '--json'])

  expect(code).toBe(0)
  const after = await jsonIn(home.path, 'state.json')
  const { gatewayId, name, leadNumber, sshUser, clanKey, mayBeAway } = before
  expect(after).toMatchObject({ gatewayId, name, leadNumber, sshUser, clanKey, mayBeAway })
  expect(after.incarnation).toBeGreaterThanOrEqual(before.incarnation)
  expect(JSON.parse(stdout).warnings.join()).toMatch(/state\.json.*set aside.*identity\.json/)
  const kept = (await readdir(home.path)).filter(file => file.startsWith('state.json.corrupt-'))
  expect(kept).toHaveLength(1)
  expect(await readFile(join(home.path, kept[0] ?? ''), 'utf8')).toBe(content)
})

test('when identity.json and fleet.json are damaged too, the clan key still tells the id', async () => {
  await using home = await readyHome('--gateway-id', 'studio')
  for (const file of ['state.json', 'identity.json', 'fleet.json']) await writeFile(join(home.path, file), '')

  const without = await runProgram('setup', ['--home', home.path])
  const withDefaults = await runProgram('setup', ['--yes', '--home', home.path, '--json'])

  expect(without).toMatchObject({ code: 2, stderr: expect.stringContaining('--name, --lead, --ssh-user') })
  expect(JSON.parse(withDefaults.stdout).self.gatewayId).toBe('studio')
})
