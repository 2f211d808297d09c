import { generateKeyPairSync, sign, verify } from 'node:crypto'

/**
 * A fresh private key in a form every SSH library reads, made to be thrown away: for finding out whether keys can be
 * made, read and used at all.
 *
 * @throws when this node's OpenSSL does not do what SSH needs
 */
export function throwAwayKey(): Buffer {
  const clan = generateKeyPairSync('ed25519')
  const text = Buffer.from('claw-clan')
  if (!verify(null, text, clan.publicKey, sign(null, text, clan.privateKey))) {
    throw new Error('an ed25519 signature made here does not hold')
  }
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return Buffer.from(privateKey.export({ type: 'sec1', format: 'pem' }))
}
