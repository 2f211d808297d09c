import type { ClawError } from '../fleet/error.ts'

/**
 * Ctrl-C while something waits: it must not leave behind what the wait needed.
 *
 * @param reason  thrown by what was waiting
 */
export function onInterrupt(reason: ClawError): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController()
  const stop = () => controller.abort(reason)
  process.once('SIGINT', stop)
  return { signal: controller.signal, [Symbol.dispose]: () => void process.off('SIGINT', stop) }
}
