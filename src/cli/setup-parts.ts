import { hostname, userInfo } from 'node:os'
import type { SetupDeps } from '../actions/setup.ts'
import { VERSION } from '../adapters/version.ts'
import { ClawError } from '../fleet/error.ts'
import type { Home } from './home.ts'

export const PROGRAMS = [
  'clan',
  'doctor',
  'setup',
  'register',
  'discover',
  'setup-ssh',
  'remote-install',
  'ping',
  'status',
  'peer',
] as const

/** What `claw-setup` needs beside the store: facts of this computer and the writers of keys, launchers, settings. */
export async function setupParts(home: Home): Promise<SetupDeps> {
  const { paths, store, clock } = home
  const [{ ensureClanKey }, { ownLaunchers }, { settingsPath }, settings, { lostIdentity }] =
    await Promise.all([
      import('../adapters/ssh-keys.ts'),
      import('./own-launchers.ts'),
      import('../adapters/settings-file.ts'),
      import('../store/settings-document.ts'),
      import('../store/lost-identity.ts'),
    ])
  return {
    store,
    clock,
    facts: await computerFacts(),
    settings: await settingsState(paths),
    version: VERSION,
    lostIdentity: () => lostIdentity(paths),
    ensureClanKey: gatewayId => ensureClanKey(paths, `claw-clan:${gatewayId}`),
    writeLaunchers: await ownLaunchers(paths, PROGRAMS),
    ensureConfig: async () =>
      settingsPath(paths, process.env) === undefined && settings.ensureSettingsFile({ paths, clock }),
    changeSettings: changes => settings.changeSettings({ paths, clock }, changes),
  }
}

async function computerFacts(): Promise<SetupDeps['facts']> {
  const [{ ownAddress, computerName }, { hasBattery }] = await Promise.all([
    import('../adapters/network.ts'),
    import('../adapters/battery.ts'),
  ])
  return {
    hostname: hostname(),
    computerName: await computerName(),
    user: userInfo().username,
    address: ownAddress(),
    hasBattery: await hasBattery(),
  }
}

/** The settings file as it stands now, and whether it is one that we may write. */
async function settingsState(paths: Home['paths']): Promise<SetupDeps['settings']> {
  const [{ readSettingsFile, settingsPath }, { settingsTrouble }] = await Promise.all([
    import('../adapters/settings-file.ts'),
    import('../store/settings-document.ts'),
  ])
  const { settings: values, givenKeys } = await readSettingsFile(paths, process.env)
  const path = settingsPath(paths, process.env)
  const elsewhere =
    path === undefined || path === paths.config
      ? undefined
      : new ClawError('bad-settings', `The settings are in "${path}", which only you write`)
  return { values, givenKeys, fixed: elsewhere ?? settingsTrouble(paths.config) }
}
