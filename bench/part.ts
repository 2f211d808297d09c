import type { Row } from './report.ts'
import type { Scratch } from './scratch.ts'

/** What a part of the bench gets to work with. */
export type Bed = {
  readonly scratch: Scratch
  /** A copy of the built bundle, so that nobody rebuilds it under our hands. */
  readonly dist: string
  readonly node: string
  /** Few rounds: for looking, not for publishing. */
  readonly isQuick: boolean
  /** A progress line for whoever watches. */
  readonly say: (text: string) => void
}

export type Part = {
  readonly letter: string
  readonly name: string
  /** What this machine lacks for it, in one line; undefined when it can run. */
  readonly lacks: () => string | undefined
  readonly measure: (bed: Bed) => Promise<readonly Row[]>
}

export const lacksNothing = (): undefined => undefined
