import { lazy } from './lazy.ts'
import { parseValue, type Source, textOf } from './parse.ts'

/** One entry of the setting `alerts`: where to send what the owner must know. Other kinds are kept as they are. */
export type AlertTarget = { readonly kind?: unknown; readonly url?: unknown; readonly [key: string]: unknown }

/** ntfy's own rule for a topic's name; before it there is a host and perhaps a port, and nothing secret. */
const NTFY_URL = /^https?:\/\/([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?\/[-_A-Za-z0-9]{1,64}$/

const ntfyUrl = lazy(() =>
  textOf(
    text => NTFY_URL.test(text) && URL.canParse(text),
    'the address of an ntfy topic such as https://ntfy.sh/my-fleet-8c1f, or "none"',
  ),
)

/**
 * Read the address of an ntfy topic as the owner typed it.
 *
 * @returns null for "none" or nothing at all
 * @throws {ClawError} `bad-input`
 * @see https://docs.ntfy.sh/publish/ for the form of a topic
 */
export const parseNtfyUrl = (text: string, source: Source): string | null =>
  text === '' || text === 'none' ? null : parseValue(ntfyUrl, text, source)

/** The ntfy topic among the alerts; null when there is none. */
export function ntfyUrlOf(alerts: readonly AlertTarget[]): string | null {
  const url = alerts.find(({ kind }) => kind === 'ntfy')?.url
  return typeof url === 'string' ? url : null
}

/** The alerts with this ntfy topic, or none, in the place of every former one. */
export const withNtfyUrl = (alerts: readonly AlertTarget[], url: string | null): readonly AlertTarget[] => [
  ...alerts.filter(({ kind }) => kind !== 'ntfy'),
  ...(url === null ? [] : [{ kind: 'ntfy', url }]),
]
