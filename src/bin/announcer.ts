import { registerMachine } from '../actions/register.ts'
import { runAnnouncer, warn } from '../cli/announcer.ts'
import { type Order, PROGRAM } from '../cli/announcer-order.ts'
import { report } from '../cli/failure.ts'
import { print } from '../cli/print.ts'

/** What `claw-register run` goes on as; its one argument is the order. Not for people. */
async function announceAsOrdered({ json, quiet, ...order }: Order): Promise<number> {
  try {
    const result = await runAnnouncer({ json, quiet, ...order }, registerMachine)
    if (json) return print(JSON.stringify({ schema: 1, ...result }, undefined, 2))
    if (quiet) return 0
    if ('skipped' in result) warn(result.skipped.message)
    else print(`${result.gatewayId} is no longer announced`)
    return 0
  } catch (error) {
    return report(error, `${PROGRAM} run`, json)
  }
}

void announceAsOrdered(JSON.parse(process.argv[2] ?? '')).then(code => {
  process.exitCode = code
})
