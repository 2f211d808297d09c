/** The same kind of line is shown once a minute; the others in between are counted. */
const REPEAT_MS = 60_000
/** Kinds remembered; beyond, all may be shown again. */
const MAX_KINDS = 256

/**
 * Keep a log readable whatever the network does: of one kind of line, one a minute.
 *
 * @param show         gets the line, with the number of lines left out since the last of its kind
 * @param monotonicMs  the clock
 */
export function quietly(
  show: (line: string) => void,
  monotonicMs: () => number,
): (kind: string, line: string) => void {
  const shown = new Map<string, { readonly at: number; leftOut: number }>()
  return (kind, line) => {
    const now = monotonicMs()
    const last = shown.get(kind)
    if (last !== undefined && now - last.at < REPEAT_MS) {
      last.leftOut += 1
      return
    }
    if (shown.size >= MAX_KINDS) shown.clear()
    shown.set(kind, { at: now, leftOut: 0 })
    show(
      last === undefined || last.leftOut === 0 ? line : `${line} (${last.leftOut} more like this in between)`,
    )
  }
}
