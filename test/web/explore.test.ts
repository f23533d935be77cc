import * as assert from 'uvu/assert'
import { test } from '../harness.ts'
import { withApp } from './app.ts'

test('web explore: look', () =>
  withApp('explore/residual', async (app) => {
    const { page } = app
    await page.getByRole('heading', { name: 'Graph, stage by stage' }).waitFor({ timeout: 90000 })
    await app.shot('explore-residual')
    await page.getByRole('button', { name: /^Fuse/ }).click()
    await page
      .getByRole('button', { name: /conv2dWeightGrad/ })
      .first()
      .click()
    await app.shot('explore-fused')
    await page.getByRole('button', { name: 'Run, and look at this node' }).click()
    await page.getByText('Value of').first().waitFor({ timeout: 90000 })
    await page.getByRole('button', { name: 'Measure them here' }).click()
    await page.getByText('ms for').waitFor({ timeout: 90000 })
    await app.shot('explore-values')
    assert.ok(true)
  }))
