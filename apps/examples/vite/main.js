// The page talks to a worker, which Vite bundles for itself: it has nothing to be told of the package.

const result = document.getElementById('result')
const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
worker.onmessage = ({ data }) => {
  result.textContent = data
}
