/**
 * One word of POSIX shell text that means exactly `text`.
 *
 * Single quotes only: inside them nothing is special in sh, dash, bash, ksh or zsh, while `$'...'` is read by
 * some of them as a dollar sign. A NUL cannot be said in a shell at all.
 *
 * @see POSIX.1-2017, Shell Command Language 2.2.2
 */
export const shellQuote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

export function legacyChallenge(_nonce: string): string {
  throw new Error('not written yet')
}
