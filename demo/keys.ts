/** What a person types while the fleet is up. */
export type Keys = Disposable

/**
 * Read single keys where there is a terminal. Ctrl-C is a key then, and no signal any more.
 *
 * @param onKey  gets the character; also for Ctrl-C, as `\u0003`
 */
export function readKeys(onKey: (key: string) => void): Keys {
  const { stdin } = process
  if (stdin.isTTY !== true) return { [Symbol.dispose]: () => undefined }
  const listen = (typed: Buffer) => {
    for (const key of typed.toString('utf8')) onKey(key)
  }
  stdin.setRawMode(true)
  stdin.on('data', listen)
  return {
    [Symbol.dispose]: () => {
      stdin.off('data', listen)
      stdin.setRawMode(false)
      stdin.pause()
    },
  }
}
