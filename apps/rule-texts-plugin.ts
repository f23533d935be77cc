// The Explore page shows the rule that made each backward node: the very function in force. A minifier would leave nothing of it
// to read, so its source is taken here, from the same module as compiled and not minified, and bundled as text.

import type { Plugin } from 'esbuild'
import { ruleTexts } from './web/explore/rule-texts.ts'

export const ruleTextsPlugin: Plugin = {
  name: 'rule-texts',
  setup(build) {
    build.onLoad({ filter: /[\\/]explore[\\/]rule-texts\.ts$/ }, () => ({
      contents: `export const ruleTexts = ${JSON.stringify(ruleTexts)}`,
      loader: 'js',
    }))
  },
}
