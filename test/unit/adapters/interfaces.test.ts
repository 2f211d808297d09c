import { expect, test } from 'vitest'
import { isOnLink } from '../../../src/adapters/interfaces.ts'

test.each([
  { address: '10.0.0.1', netmask: '255.255.255.0', ip: '10.0.0.254', on: true },
  { address: '10.0.0.1', netmask: '255.255.255.0', ip: '10.0.1.1', on: false },
  { address: '192.168.200.7', netmask: '255.255.128.0', ip: '192.168.129.9', on: true },
  { address: '192.168.200.7', netmask: '255.255.128.0', ip: '192.168.127.9', on: false },
  { address: '203.0.113.9', netmask: '255.255.255.255', ip: '203.0.113.9', on: true },
  { address: '203.0.113.9', netmask: '255.255.255.255', ip: '203.0.113.8', on: false },
  { address: '127.0.0.1', netmask: '255.0.0.0', ip: '127.8.9.10', on: true },
])('the subnet of $address/$netmask holds $ip: $on', ({ address, netmask, ip, on }) => {
  expect(isOnLink({ address, netmask }, ip)).toBe(on)
})
