import { receiveFromStdin } from '../cli/receive-version.ts'

// Sent ahead of a version folder to a machine that has nothing of ours yet, and run there by `node -e`. Not for people.
void receiveFromStdin().then(code => {
  process.exitCode = code
})
