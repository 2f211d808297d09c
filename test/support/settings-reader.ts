import { cosmiconfig } from 'cosmiconfig'
import { homePaths } from '../../src/adapters/home-paths.ts'
import { readSettingsFile } from '../../src/adapters/settings-file.ts'

// A program that reads its settings, our way or the way the package would, in whatever folder it was started.
const [home, theirWay] = process.argv.slice(2)
if (theirWay === undefined) {
  const { settings, problems } = await readSettingsFile(homePaths(home), {})
  console.log(JSON.stringify({ pingIntervalMinutes: settings.pingIntervalMinutes, problems }))
} else {
  await cosmiconfig('claw-clan').load(`${home}/config.yaml`)
}
