#!/usr/bin/env node
import { runVerb } from '../cli/umbrella.ts'

void runVerb({
  discover: () => import('./discover.ts'),
  doctor: () => import('./doctor.ts'),
  list: () => import('./status.ts'),
  peer: () => import('./peer.ts'),
  ping: () => import('./ping.ts'),
  register: () => import('./register.ts'),
  'remote-install': () => import('./remote-install.ts'),
  setup: () => import('./setup.ts'),
  'setup-ssh': () => import('./setup-ssh.ts'),
  status: () => import('./status.ts'),
})
