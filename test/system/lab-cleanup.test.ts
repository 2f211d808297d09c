import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventually, type Lab, openLab } from '../support/lab/lab.ts'
import { childrenOf, start } from '../support/lab/run.ts'

/** All of the host that a lab could leave something in. */
const host = () => ({
  mounts: readFileSync('/proc/self/mountinfo', 'utf8'),
  interfaces: readdirSync('/sys/class/net'),
  named: existsSync('/run/netns') ? readdirSync('/run/netns') : [],
  children: childrenOf(process.pid),
  hostName: readFileSync('/proc/sys/kernel/hostname', 'utf8'),
})

/** Processes anywhere on the host that live in one of these namespaces. */
const inhabitants = (namespaces: readonly string[]) =>
  readdirSync('/proc').filter(
    pid => /^\d+$/.test(pid) && ['net', 'mnt', 'pid'].some(kind => namespaces.includes(linkOf(pid, kind))),
  )

function linkOf(pid: string, kind: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`)
  } catch {
    return 'gone'
  }
}

/** Fill a lab with things that could stay behind, and tell its folder and namespaces. */
async function fill(lab: Lab) {
  const [a, b] = [lab.machine(1), lab.machine(2)]
  await a.startAvahi()
  await a.must(['sh', '-c', 'setsid sleep 5000 >/dev/null 2>&1 & mount -t tmpfs x /mnt'])
  await b.spawn(['sh', '-c', 'trap "" TERM HUP INT; while :; do sleep 1; done'])
  await a.must(['ssh', '-fN', 'm2'])
  await b.freeze()
  const inits = lab.machines.map(machine => machine.inside('/').split('/')[2] ?? '')
  const namespaces = inits.flatMap(pid => ['net', 'mnt', 'pid'].map(kind => linkOf(pid, kind)))
  expect(inhabitants(namespaces).length).toBeGreaterThan(8)
  return { folder: dirname(dirname(a.home)), namespaces }
}

describe('a lab leaves nothing behind', () => {
  test('when its block ends', async () => {
    const before = host()
    let traces = { folder: '', namespaces: [''] }
    {
      await using lab = await openLab({ machines: 2 })
      traces = await fill(lab)
    }
    expect(inhabitants(traces.namespaces)).toEqual([])
    expect(existsSync(traces.folder)).toBe(false)
    expect(host()).toEqual(before)
  })

  test('when its block throws, with a machine off and faults in place', async () => {
    const before = host()
    let traces = { folder: '', namespaces: [''] }
    const failing = async () => {
      await using lab = await openLab({ machines: 3 })
      traces = await fill(lab)
      await lab.machine(3).kill()
      await lab.machine(1).cut()
      await lab.lose(100)
      throw new Error('a test failed')
    }

    await expect(failing()).rejects.toThrow('a test failed')

    expect(inhabitants(traces.namespaces)).toEqual([])
    expect(existsSync(traces.folder)).toBe(false)
    expect(host()).toEqual(before)
  })

  test('when it cannot be opened', async () => {
    const before = host()
    const folders = ownFolders()

    await expect(openLab({ machines: ['fine', 'quo"te'] })).rejects.toThrow('Cannot boot machine')

    expect(ownFolders()).toEqual(folders)
    expect(host()).toEqual(before)
  })

  test.each(['SIGKILL', 'SIGTERM'] as const)(
    'when its process is ended by %s, even with a frozen machine',
    async signal => {
      const lab = join(import.meta.dirname, '..', 'support', 'lab', 'lab.ts')
      const script = `const { openLab } = await import(${JSON.stringify(lab)})
      const lab = await openLab({ machines: 2 })
      await lab.machine(1).spawn(['sleep', '5000'])
      await lab.machine(1).freeze()
      console.log(lab.machines.map(machine => machine.inside('/').split('/')[2]).join(' '), lab.machine(1).home)
      setInterval(() => {}, 1000)`
      const owner = await start([process.execPath, '--input-type=module', '-e', script])
      await owner.waitFor(/home/)
      const [first = '', second = '', home = ''] = owner.stdout().trim().split(' ')
      const namespaces = [first, second].flatMap(pid => ['net', 'mnt', 'pid'].map(kind => linkOf(pid, kind)))
      expect(inhabitants(namespaces).length).toBeGreaterThan(4)

      owner.signal(signal)
      await owner.ended

      await eventually('every process is gone', () => inhabitants(namespaces).length === 0)
      await eventually('the folder is gone', () => !existsSync(dirname(dirname(home))))
    },
  )

  test('and sweeps what a crash of the whole host left, but nothing of others', async () => {
    const child = await start(['true'])
    await child.ended
    const dead = join(tmpdir(), `claw-lab-${child.pid}-1-left`)
    const living = join(
      tmpdir(),
      `claw-lab-${process.pid}-${readFileSync('/proc/self/stat', 'utf8').split(' ')[21]}-mine`,
    )
    const foreign = join(tmpdir(), `claw-label-${process.pid}`)
    for (const folder of [dead, living, foreign]) mkdirSync(folder)

    await using _lab = await openLab({ machines: 1 })

    expect([dead, living, foreign].map(folder => existsSync(folder))).toEqual([false, true, true])
    for (const folder of [living, foreign]) rmSync(folder, { recursive: true })
  })
})

const ownFolders = () => readdirSync(tmpdir()).filter(name => name.startsWith(`claw-lab-${process.pid}-`))

test.each([
  { machines: 3, withinMs: 2_000 },
  { machines: 50, withinMs: 15_000 },
])('$machines machines are open within $withinMs ms', async ({ machines, withinMs }) => {
  const begun = performance.now()

  await using lab = await openLab({ machines })
  const took = performance.now() - begun

  expect(took).toBeLessThan(withinMs)
  const last = lab.machine(machines)
  expect(await lab.machine(1).must(['ssh', last.hostName, 'hostname'])).toBe(`${last.hostName}\n`)
})

test('two labs side by side do not see each other', async () => {
  await using one = await openLab({ machines: 2 })
  await using other = await openLab({ machines: 2 })

  await one.machine(2).kill()

  expect(await other.machine(1).must(['ssh', 'm2', 'hostname'])).toBe('m2\n')
  const { stderr } = await one.machine(1).exec(['ssh', '-oConnectTimeout=1', 'm2', 'hostname'])
  expect(stderr).toMatch(/No route to host|timed out/)
})
