import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import { runProgram } from './process.ts'

/** Where Linux shows batteries and chargers (Documentation/ABI/testing/sysfs-class-power). */
const POWER_SUPPLY = '/sys/class/power_supply'
/** `pmset` answers in milliseconds; a machine that cannot say has no battery as far as we care. */
const PMSET_TIMEOUT_MS = 2_000

/**
 * Does this machine run on a battery of its own, as laptops do? What cannot be found out counts as no.
 *
 * @param supplies  Linux's folder of power supplies
 */
export async function hasBattery(supplies = POWER_SUPPLY): Promise<boolean> {
  return process.platform === 'darwin' ? await macHasBattery() : linuxHasBattery(supplies)
}

/** True for what `pmset -g batt` prints on a Mac with a battery; a UPS is listed there too, and is none. */
export const namesBattery = (pmset: string): boolean => /^\s*-InternalBattery-/m.test(pmset)

async function macHasBattery(): Promise<boolean> {
  try {
    const { stdout } = await runProgram('/usr/bin/pmset', ['-g', 'batt'], { timeoutMs: PMSET_TIMEOUT_MS })
    return namesBattery(stdout)
  } catch (error) {
    if (error instanceof ClawError) return false
    throw error
  }
}

/** A mouse or headset shows its battery here too, with the scope "Device". */
function linuxHasBattery(supplies: string): boolean {
  return namesIn(supplies).some(name => {
    const fact = (file: string) => textOf(join(supplies, name, file))
    return fact('type') === 'Battery' && fact('scope') !== 'Device'
  })
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // no such folder in containers and virtual machines
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return '' // not every supply has every file
  }
}
