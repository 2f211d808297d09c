/** How many packets get through. Numbers are packets; a packet of n x 1500 bytes counts n times. */
export type GateLimits = {
  /** In the long run, over all sources. */
  readonly perSecond: number
  /** At once, over all sources: fifty machines answer one question within 150 ms, with up to five packets each. */
  readonly burst: number
  readonly perSourcePerSecond: number
  /** At once from one source; a router that relays mDNS answers for a whole network. */
  readonly perSourceBurst: number
}

/** Lets packets through or not, and remembers who sent too many. */
export type Gate = {
  readonly admits: (sourceIp: string, bytes: number) => boolean
  /** The source most was dropped from since the last call, if any was. */
  readonly takeFlood: () => Flood | undefined
}

export type Flood = { readonly sourceIp: string; readonly dropped: number; readonly droppedInTotal: number }

/** RFC 6762 section 17: no mDNS packet is larger. Decoding time grows faster than size. */
const MAX_PACKET_BYTES = 9000
/** Sources remembered; a made-up source costs the flooder's own share first. */
const MAX_SOURCES = 1024

type Bucket = { tokens: number; at: number; dropped: number }

/**
 * Two token buckets, one per source and one for all: a source that floods uses up its own share, and what many made-up
 * sources send together is bounded too. Work per second is bounded whatever arrives.
 *
 * @param unmetered    sources that only share the common bucket: our own addresses, behind which many programs may be
 * @param expected     sources that need no common token: they get through while others flood
 * @param monotonicMs  the clock
 */
export function openGate(
  limits: GateLimits,
  {
    unmetered,
    expected,
  }: { readonly unmetered: ReadonlySet<string>; readonly expected: ReadonlySet<string> },
  monotonicMs: () => number,
): Gate {
  const common: Bucket = { tokens: limits.burst, at: monotonicMs(), dropped: 0 }
  const sources = new Map<string, Bucket>()

  const bucketOf = (sourceIp: string, now: number): Bucket => {
    const known = sources.get(sourceIp)
    if (known !== undefined) return known
    const oldest = sources.keys().next()
    if (sources.size >= MAX_SOURCES && oldest.done === false) sources.delete(oldest.value)
    const bucket = { tokens: limits.perSourceBurst, at: now, dropped: 0 }
    sources.set(sourceIp, bucket)
    return bucket
  }

  const passes = (sourceIp: string, bytes: number, source: Bucket, now: number): boolean => {
    if (bytes > MAX_PACKET_BYTES) return false
    const cost = Math.ceil(bytes / 1500)
    const isMetered = !unmetered.has(sourceIp)
    if (isMetered && !hasTokens(source, cost, limits.perSourcePerSecond, limits.perSourceBurst, now))
      return false
    if (!expected.has(sourceIp) || !isMetered) {
      if (!hasTokens(common, cost, limits.perSecond, limits.burst, now)) return false
      common.tokens -= cost
    }
    source.tokens -= cost
    return true
  }

  return {
    admits: (sourceIp, bytes) => {
      const now = monotonicMs()
      const source = bucketOf(sourceIp, now)
      const isAdmitted = passes(sourceIp, bytes, source, now)
      if (!isAdmitted) source.dropped += 1
      return isAdmitted
    },
    takeFlood: () => takeFlood(sources),
  }
}

/** Refill a bucket for the time that passed, and look whether it holds enough. */
function hasTokens(bucket: Bucket, cost: number, perSecond: number, burst: number, now: number): boolean {
  bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond)
  bucket.at = now
  return bucket.tokens >= cost
}

function takeFlood(sources: ReadonlyMap<string, Bucket>): Flood | undefined {
  let worst: Flood | undefined
  let droppedInTotal = 0
  for (const [sourceIp, bucket] of sources) {
    droppedInTotal += bucket.dropped
    if (bucket.dropped > (worst?.dropped ?? 0))
      worst = { sourceIp, dropped: bucket.dropped, droppedInTotal: 0 }
    bucket.dropped = 0
  }
  return worst === undefined ? undefined : { ...worst, droppedInTotal }
}
