/**
 * A git address fit to be shown: a name and password, or a token, before the host become `***`. A login name of SSH
 * (`git@host`) is no secret and stays.
 */
export const shownRepository = (address: string): string =>
  address.replace(/^([a-z][a-z0-9+.-]*:\/\/)([^/]*)@/i, (whole, scheme: string, login: string) =>
    /^ssh:/i.test(scheme) && !login.includes(':') ? whole : `${scheme}***@`,
  )
