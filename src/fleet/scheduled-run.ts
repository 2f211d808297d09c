/** The name runs of claw-ping that a scheduler started are remembered by. */
export const SCHEDULED_RUN = 'claw-ping --scheduled'

/** What is remembered of one. */
export type ScheduledResult = {
  /** What its `--proof` said. */
  readonly proof: string | null
  /** What stopped it; null when it went through, whoever answered. */
  readonly failed: string | null
}

/** A remembered result as it was meant; what does not read like one has no proof and did not fail. */
export function readScheduledResult(value: unknown): ScheduledResult {
  const fields: Readonly<Record<string, unknown>> =
    typeof value === 'object' && value !== null ? { ...value } : {}
  const text = (name: string) => (typeof fields[name] === 'string' ? fields[name] : null)
  return { proof: text('proof'), failed: text('failed') }
}
