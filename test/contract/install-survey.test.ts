import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { parseRun, runScript } from '../../src/fleet/install-step.ts'
import { parseSurvey, surveyScript } from '../../src/fleet/install-survey.ts'
import { launcherText } from '../../src/fleet/launcher.ts'
import { STABLE_NODES } from '../../src/fleet/node-places.ts'
import { shellQuote } from '../../src/fleet/remote.ts'
import { temporaryFolder } from '../support/program.ts'
import { shells } from '../support/shells.ts'

const nonce = '0123456789abcdef'
/** What may be behind /bin/sh; zsh is itself only by its own name, and sh there. */
const posixShells = shells.map(shell =>
  shell.name === 'zsh' ? { ...shell, args: ['--emulate', 'sh'] } : shell,
)

/** A program that answers as a node of this version does. */
function fakeNode(path: string, version: string, more = ''): string {
  mkdirSync(dirname(path), { recursive: true })
  const answer = `#!/bin/sh\n${more}echo "${version} ${path}"\n`
  writeFileSync(path, answer, { mode: 0o755 })
  return path
}

/** What a look needs of a system, without any node it may have. */
const TOOLS = 'cat df dirname grep head ls mktemp readlink rm sed sh sleep tail tr uname'.split(' ')

/** A user's home without any node, and a look at it as a login over SSH takes it. */
async function anyHome() {
  const folder = await temporaryFolder()
  const home = join(folder.path, "o'x home")
  const tools = join(folder.path, 'tools')
  for (const made of [home, tools]) mkdirSync(made)
  for (const tool of TOOLS) {
    const at = ['/usr/bin', '/bin'].map(place => join(place, tool)).find(existsSync)
    if (at !== undefined) symlinkSync(at, join(tools, tool))
  }
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(home, path)), { recursive: true })
    writeFileSync(join(home, path), text)
  }
  const look = ({ shell = posixShells[0], node, env = {} }: Look = {}) => {
    if (shell === undefined) throw new Error('this machine has a shell')
    const given = { HOME: home, PATH: tools, SHELL: '/bin/false', TMPDIR: folder.path, ...env }
    const input = STABLE_NODES.reduce(
      (text, path) => text.replaceAll(shellQuote(path), shellQuote('/nowhere/node')),
      surveyScript(nonce, node),
    )
    const { stdout, stderr } = spawnSync(shell.path, [...shell.args, '-s'], {
      ...{ input, encoding: 'utf8', env: given, cwd: '/' },
    })
    return { stderr, ...parseSurvey(stdout, nonce) }
  }
  return { folder, home, write, look, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}
type Look = {
  readonly shell?: (typeof posixShells)[number]
  readonly node?: string
  readonly env?: Readonly<Record<string, string>>
}
/** What is found in the test's own folder; the system's nodes are not the test's business. */
const ours = (found: { readonly nodes: readonly { readonly path: string }[] }, home: string) =>
  found.nodes.map(({ path }) => path).filter(path => path.startsWith(dirname(home)))

test.each(posixShells)('$name finds the facts of a home that is there, and changes nothing', async shell => {
  await using user = await anyHome()
  const clan = '.openclaw/claw-clan'
  user.write(`${clan}/state.json`, '{\n  "name": "x",\n  "gatewayId": "studio"\n}\n')
  symlinkSync('versions/2.0.0-0123456789ab', join(user.home, clan, 'current'))
  const before = readdirSync(user.folder.path, { recursive: true }).toSorted()

  const found = user.look({ shell })

  expect(found).toMatchObject({
    ...{
      home: join(user.home, clan),
      system: expect.stringMatching(/^(Linux|Darwin)$/),
      isWritable: true,
      setUp: 'older',
    },
    ...{ gatewayId: 'studio', current: '2.0.0-0123456789ab', freeKb: expect.any(Number) },
  })
  expect(readdirSync(user.folder.path, { recursive: true }).toSorted()).toEqual(before)
})

test('a home that is not there yet is looked at where it would be made', async () => {
  await using user = await anyHome()

  expect(user.look()).toMatchObject({
    setUp: 'no',
    gatewayId: undefined,
    current: undefined,
    isWritable: true,
  })
  expect(user.look({ env: { CLAW_CLAN_HOME: '/proc/nowhere/claw' } })).toMatchObject({
    ...{ home: '/proc/nowhere/claw', setUp: 'no' },
  })
})

test.each([
  ['nvm', '.nvm/versions/node/v24.12.0/bin/node'],
  ['volta', '.volta/tools/image/node/24.12.0/bin/node'],
  ['mise', '.local/share/mise/installs/node/24.12.0/bin/node'],
  ['fnm', 'Library/Application Support/fnm/node-versions/v24.12.0/installation/bin/node'],
  ['asdf', '.asdf/installs/nodejs/24.12.0/bin/node'],
  ['the home itself', '.openclaw/claw-clan/node/24.12.0/bin/node'],
])('a node of %s is found', async (_, path) => {
  await using user = await anyHome()
  const node = fakeNode(join(user.home, path), '24.12.0')

  expect(user.look().nodes).toContainEqual({ path: node, version: '24.12.0' })
})

test('the search ends with the first that is new enough, and says what it passed', async () => {
  await using user = await anyHome()
  const at = (version: string) => join(user.home, `.nvm/versions/node/v${version}/bin/node`)
  fakeNode(at('18.20.1'), '18.20.1')
  fakeNode(at('24.10.9'), '24.10.9')
  fakeNode(at('24.11.0'), '24.11.0')
  fakeNode(at('26.0.0'), '26.0.0')

  expect(ours(user.look(), user.home)).toEqual([at('18.20.1'), at('24.10.9'), at('24.11.0')])
})

test('the node of the launchers comes first, then that of the login shell', async () => {
  await using user = await anyHome()
  const [used, shell] = ['used', 'shell'].map(name =>
    fakeNode(join(user.folder.path, name, 'node'), '24.12.0'),
  )
  user.write('.profile', `PATH=${dirname(shell ?? '')}:$PATH\necho "/usr/bin/welcome"; echo noise >&2\n`)

  const env = { SHELL: '/bin/sh' }
  expect(ours(user.look({ env }), user.home)).toEqual([shell])
  const start = { name: 'claw-status', home: user.home, identity: '/x', userHome: user.home, script: '/x.js' }
  user.write('.openclaw/claw-clan/bin/claw-status', launcherText({ ...start, node: used ?? '' }))
  expect(ours(user.look({ env }), user.home)).toEqual([used])
})

test('the folder that fnm makes for one shell is answered by the node behind it', async () => {
  await using user = await anyHome()
  const real = fakeNode(join(user.folder.path, 'real', 'node'), '24.12.0')
  const shell = join(user.folder.path, 'fnm_multishells', '1_2', 'bin')
  mkdirSync(shell, { recursive: true })
  symlinkSync(real, join(shell, 'node'))

  expect(user.look({ env: { PATH: `${shell}:/usr/bin:/bin` } }).nodes).toContainEqual({
    path: real,
    version: '24.12.0',
  })
})

test.each([
  [
    'systemd',
    '.config/systemd/user/openclaw-gateway.service',
    (node: string) => `[Service]\nExecStart="${node}" "/x/dist/index.js" gateway\n`,
  ],
  [
    'launchd',
    'Library/LaunchAgents/ai.openclaw.gateway.plist',
    (node: string) =>
      `<plist><dict><key>Label</key><string>x</string>\n<key>ProgramArguments</key>\n<array>\n<string>${node.replaceAll('&', '&amp;')}</string>\n<string>/x</string>\n</array></dict></plist>\n`,
  ],
])("the node of OpenClaw's own %s service is found", async (_, file, text) => {
  await using user = await anyHome()
  const node = fakeNode(join(user.folder.path, 'a & b', 'node'), '24.12.0')
  user.write(file, text(node))

  expect(user.look().nodes).toContainEqual({ path: node, version: '24.12.0' })
})

test('a node that breaks or prints nonsense is named, and hinders nobody', async () => {
  await using user = await anyHome()
  const broken = fakeNode(join(user.home, '.nvm/versions/node/v20.0.0/bin/node'), '', 'exit 3\n')
  const odd = fakeNode(join(user.home, '.nvm/versions/node/v21.0.0/bin/node'), '99.9.9.9')
  const good = fakeNode(join(user.home, '.nvm/versions/node/v24.12.0/bin/node'), '24.12.0')

  const { nodes, stderr } = user.look()

  expect(nodes.filter(({ path }) => [broken, odd, good].includes(path))).toEqual([
    { path: broken, version: undefined },
    { path: odd, version: undefined },
    { path: good, version: '24.12.0' },
  ])
  expect(stderr).toBe('')
})

test('a login shell that leaves a program behind keeps nobody waiting', async () => {
  await using user = await anyHome()
  user.write('.profile', `sleep 1000 & echo $! >'${user.folder.path}/pid'\n`)
  try {
    expect(user.look({ env: { SHELL: '/bin/sh' } })).toMatchObject({ setUp: 'no' })
  } finally {
    spawnSync('sh', ['-c', `kill "$(cat '${user.folder.path}/pid')"`])
  }
})

test('a node that is named is the only one tried, whatever it is called', async () => {
  await using user = await anyHome()
  fakeNode(join(user.home, '.nvm/versions/node/v24.12.0/bin/node'), '24.12.0')
  const named = fakeNode(join(user.folder.path, "o'node; 24"), '24.13.0')

  expect(user.look({ node: named }).nodes).toEqual([{ path: named, version: '24.13.0' }])
  expect(user.look({ node: '/nowhere' }).nodes).toEqual([])
})

test.each(posixShells)('$name runs a program with exactly the words it was given', shell => {
  const words = [
    '',
    ' ',
    "o'x",
    '"',
    '$(id)',
    '`id`',
    '\\',
    'a\nb',
    '-n',
    '*',
    '~',
    '!',
    '%h',
    '</string>',
    'Büro 事',
  ]
  const script = runScript(
    ['/usr/bin/env', '-i', process.execPath, '-p', 'JSON.stringify(process.argv.slice(1))', '--', ...words],
    nonce,
  )

  const { stdout, stderr } = spawnSync(shell.path, [...shell.args, '-s'], { input: script, encoding: 'utf8' })

  const { code, stdout: said } = parseRun(`Welcome!\n${stdout}`, stderr, nonce)
  expect([code, JSON.parse(said)]).toEqual([0, words])
})

test('a script that was cut runs nothing', () => {
  const script = runScript(['/bin/echo', 'ran'], nonce)

  for (let length = 0; length < script.length - 2; length++) {
    const { stdout } = spawnSync('sh', ['-s'], { input: script.slice(0, length), encoding: 'utf8' })
    expect([length, stdout]).toEqual([length, ''])
  }
})
