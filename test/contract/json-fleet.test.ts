import { storeHome } from '../support/store-home.ts'
import { fleetStoreContract } from './fleet-store.contract.ts'

fleetStoreContract('openJsonFleet()', async () => {
  const home = await storeHome()
  return { connect: () => home.open(), [Symbol.asyncDispose]: () => home[Symbol.asyncDispose]() }
})
