import { withNtfyUrl } from '../fleet/alert-target.ts'
import { ClawError } from '../fleet/error.ts'
import type { Settings } from '../fleet/settings.ts'
import { readAnswer, type SetupAnswers } from './setup-answers.ts'
import type { Former, SettingsState } from './setup-former.ts'

export type SettingsPlan = {
  readonly former: Former
  readonly state: SettingsState
  /** Write down the defaults of what nobody answered. */
  readonly takeDefaults: boolean
}

/**
 * The settings that these answers change, with their new values.
 *
 * @throws {ClawError} `bad-input` for an answer that is not allowed, or that this settings file cannot take
 */
export function settingsOf(answers: SetupAnswers, plan: SettingsPlan): Partial<Settings> {
  const { former, state, takeDefaults } = plan
  const { allowRestart, ntfy, repo } = answers
  const topic = ntfy === undefined ? undefined : readAnswer.ntfy(ntfy)
  const address = repo === undefined ? undefined : readAnswer.repo(repo)
  if (state.fixed !== undefined) {
    if (allowRestart !== undefined) throw cannotWrite('--allow-restart', 'allow.restartGateway', state.fixed)
    if (topic !== undefined) throw cannotWrite('--ntfy', 'alerts', state.fixed)
    return {}
  }
  /** What to write for one question: nothing when it was never answered, or answered so before. */
  const news = <T>(question: 'allowRestart' | 'ntfy', given: T | undefined, current: T): T | undefined => {
    const answered = former.answered.has(question)
    const value = given === undefined && takeDefaults && !answered ? current : given
    return answered && value === current ? undefined : value
  }
  const restart = news('allowRestart', allowRestart, former.answers.allowRestart)
  const url = news('ntfy', topic, former.answers.ntfy)
  const isNewRepo = address !== undefined && address !== state.values['skills.repo']
  return {
    ...(restart === undefined ? {} : { 'allow.restartGateway': restart }),
    ...(url === undefined ? {} : { alerts: [...withNtfyUrl(state.values.alerts, url)] }),
    ...(isNewRepo ? { 'skills.repo': address } : {}),
  }
}

const cannotWrite = (flag: string, key: string, { message }: ClawError): ClawError =>
  new ClawError('bad-input', `Cannot write what ${flag} says: ${message}`, {
    hint: `Set "${key}" there yourself`,
  })
