// Reports of runs, as pages and charts that fetch nothing. An entry of its own, so that pages that train need not carry it;
// no Node module is reachable from here. In Node `atrous/train` has it too.

export { type ComparedRun, comparedSvg } from '../charts/compare.ts'
export type * from './data.ts'
export { type PageOptions, reportBody, reportHtml } from './html.ts'
