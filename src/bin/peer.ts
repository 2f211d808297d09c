#!/usr/bin/env node
import { selfTest } from '../actions/self-test.ts'
import { servePeer } from '../actions/serve-peer.ts'
import { mainGroup, subcommand } from '../cli/command.ts'
import { openHome } from '../cli/home.ts'
import { peerLine, servePeerDeps } from '../cli/peer-line.ts'
import { selfTestCommand } from '../cli/self-test.ts'

const serve = subcommand({
  name: 'claw-peer serve',
  summary: "Answer another machine's requests, JSON lines on stdin and stdout, until its input ends",
  options: {},
  example: `echo '{"id":1,"verb":"inspect"}' | claw-peer serve`,
  failure: 'It is started by the gate for other machines; by hand it helps to see what they would be told.',
  run: async ({ terminal, home: given }) => {
    await using home = await openHome({ home: given, terminal }, true)
    const ended = await servePeer(servePeerDeps(home, terminal), peerLine())
    process.stdin.destroy()
    return { ended }
  },
  render: () => '',
})

void mainGroup({
  name: 'claw-peer',
  summary: 'The forced command other machines reach over SSH; not for people',
  bare: selfTestCommand(selfTest),
  commands: { serve },
})
