/** One flag. `value` names what follows it in the help text; a flag without it is a switch. */
export type Option = {
  readonly type: 'string' | 'boolean'
  readonly help: string
  readonly value?: string
  readonly multiple?: true
  readonly short?: string
  /** `--no-NAME` exists too and makes the value false; a switch that is not given at all has none. */
  readonly negatable?: true
}
export type Options = Readonly<Record<string, Option>>

type Value<O extends Option> = O['type'] extends 'boolean'
  ? boolean
  : O extends { multiple: true }
    ? string[]
    : string
export type Values<O extends Options> = { readonly [K in keyof O]?: Value<O[K]> }

/** Every program understands these. */
export const COMMON = {
  json: { type: 'boolean', help: 'Print one JSON document instead of text' },
  home: {
    type: 'string',
    value: 'DIR',
    help: 'Use this home (default $CLAW_CLAN_HOME or ~/.openclaw/claw-clan)',
  },
  quiet: { type: 'boolean', short: 'q', help: 'Print nothing when there is nothing new' },
  help: { type: 'boolean', short: 'h', help: 'Show this text' },
  version: { type: 'boolean', help: 'Show the version' },
} as const satisfies Options
