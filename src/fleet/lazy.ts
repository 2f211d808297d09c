/**
 * Make something at its first use and keep it. Validators and large regular expressions are made this way: each costs
 * start-up time (40 us to 1 ms), and a program needs few of all that there are.
 */
export function lazy<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
