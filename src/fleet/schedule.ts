import { type CronJob, cronArgument, cronCommand } from './cron-command.ts'
import { type Block, type ByteText, blockIds, linesOfBlock, withBlock } from './marked-block.ts'
import { type GatewayId, idKey } from './parse.ts'

/** Text of a crontab. */
export type CrontabText = ByteText

/** What a scheduled program is for; one crontab block holds each at most once. */
export type EntryKey = 'ping' | 'check' | `monitor ${GatewayId}`

/** A program and when it starts. */
export type CronEntry = CronJob & {
  readonly key: EntryKey
  /** Five time fields each; a line for each. */
  readonly times: readonly string[]
}

/** The lines of one entry, as they stand in the block of `owner`. */
export function linesOf(owner: GatewayId, entry: CronEntry): readonly ByteText[] {
  const command = cronCommand(entry)
  return entry.times.map(time => `${time} ${command}${tagOf(owner, entry.key)}`)
}

/**
 * The crontab with this entry in our block, in the place of the one with the same key.
 *
 * The block stands at the top, before every SHELL or PATH the owner sets, and no foreign byte changes. Each of its
 * lines names the owner: the blocks of two homes never mix, and each line shows in `crontab -l | grep claw-clan`.
 *
 * @param owner  gateway id of the machine whose block it is
 */
export function withEntry(text: CrontabText, owner: GatewayId, entry: CronEntry): CrontabText {
  const block = blockOf(owner)
  const lines = linesOfBlock(text, block)
  const key = idKey(entry.key)
  const at = lines.findIndex(line => keyOf(line) === key)
  const others = lines.filter(line => keyOf(line) !== key)
  const place = at < 0 ? others.length : at
  return withBlock(text, block, others.toSpliced(place, 0, ...linesOf(owner, entry)))
}

/** The crontab without the entry of exactly this key: `monitor gw1` is not `monitor gw10`. */
export function withoutEntry(text: CrontabText, owner: GatewayId, key: EntryKey): CrontabText {
  const block = blockOf(owner)
  const others = linesOfBlock(text, block).filter(line => keyOf(line) !== idKey(key))
  return withBlock(text, block, others)
}

/** The crontab without our block, whatever entries it holds. */
export const withoutEntries = (text: CrontabText, owner: GatewayId): CrontabText =>
  withBlock(text, blockOf(owner), [])

/** The lines of the entry with this key; none when it is not there. */
export const entryLines = (text: CrontabText, owner: GatewayId, key: EntryKey): readonly ByteText[] =>
  linesOfBlock(text, blockOf(owner)).filter(line => keyOf(line) === idKey(key))

/**
 * The crontab without the blocks that this home left under a former gateway id: they would start everything twice.
 * They are known by the program they start.
 *
 * @param program  absolute path of this home's program
 */
export function withoutFormerBlocks(text: CrontabText, owner: GatewayId, program: string): CrontabText {
  const word = ` ${cronArgument(program)} `
  const former = new Set(blockIds(text).filter(id => idKey(id) !== idKey(owner)))
  return [...former].reduce((now, id) => {
    const block = blockOf(id)
    return linesOfBlock(now, block).some(line => line.includes(word)) ? withBlock(now, block, []) : now
  }, text)
}

const blockOf = (owner: string): Block => ({
  id: owner,
  isOurs: line => tagIn(line)?.owner === idKey(owner),
})

const tagOf = (owner: GatewayId, key: EntryKey): string => ` # claw-clan ${owner} ${key}`

/** Also tags of kinds that only a newer version knows: a block is one version's at a time. */
function tagIn(line: ByteText): { readonly owner: string; readonly key: string } | undefined {
  const [, owner, key] = / # claw-clan (\S+) ([a-z]+(?: \S+)?)$/.exec(line) ?? []
  return owner === undefined || key === undefined ? undefined : { owner: idKey(owner), key: idKey(key) }
}

const keyOf = (line: ByteText): string | undefined => tagIn(line)?.key
