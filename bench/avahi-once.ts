// Runs inside a machine of the lab: one `avahi-browse -rpt`, with the times of its last resolved line and of its end.
import { spawn } from 'node:child_process'

const [type = '_openclaw._tcp'] = process.argv.slice(2)
const names = new Set<string>()
let lastMs = 0
let rest = ''
const started = performance.now()
const child = spawn('/usr/bin/avahi-browse', ['-rpt', type], { stdio: ['ignore', 'pipe', 'inherit'] })
child.stdout.setEncoding('utf8').on('data', (text: string) => {
  const lines = `${rest}${text}`.split('\n')
  rest = lines.pop() ?? ''
  for (const line of lines.filter(one => one.startsWith('='))) {
    // One line per interface and IP version: a machine counts when it is first resolved.
    const [, , , name = ''] = line.split(';')
    if (!names.has(name)) lastMs = performance.now() - started
    names.add(name)
  }
})
child.once('close', () => {
  const exitMs = performance.now() - started
  process.stdout.write(JSON.stringify({ found: names.size, lastMs, exitMs }))
})
