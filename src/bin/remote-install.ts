#!/usr/bin/env node
import { installOnPeer } from '../actions/remote-install.ts'
import { updateFleet } from '../actions/remote-install-all.ts'
import { main } from '../cli/command.ts'
import { remoteInstallCommand } from '../cli/remote-install-command.ts'

void main(remoteInstallCommand({ installOnPeer, updateFleet }))
