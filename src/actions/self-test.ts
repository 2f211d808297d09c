import { ClawError } from '../fleet/error.ts'

/** One thing that must work before other machines may rely on this one. */
export type SelfCheck = {
  readonly name: string
  /** Does it, and says what it saw. Whatever it throws is the finding. */
  readonly run: () => Promise<string>
}

/** The keys are a public interface. */
export type SelfTest = {
  readonly ok: boolean
  readonly version: string
  readonly node: string
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[]
}

/** Make every check, also after one that failed: the owner sees all that is wrong at once. Nothing of a home is touched. */
export async function selfTest(
  versions: { readonly program: string; readonly node: string },
  checks: readonly SelfCheck[],
): Promise<SelfTest> {
  const results: SelfTest['checks'][number][] = []
  for (const { name, run } of checks) results.push({ name, ...(await outcome(run)) })
  const ok = results.every(result => result.ok)
  return { ok, version: versions.program, node: versions.node, checks: results }
}

async function outcome(run: SelfCheck['run']): Promise<{ readonly ok: boolean; readonly detail: string }> {
  try {
    return { ok: true, detail: await run() }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const next = error instanceof ClawError && error.hint !== undefined ? `; ${error.hint}` : ''
    return { ok: false, detail: `${message}${next}` }
  }
}
