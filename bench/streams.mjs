// 200 concurrent streams in one process: how long the event loop was held up, at most and in the 99th percentile.
import { createRequire } from 'node:module'

const { Session } = createRequire(import.meta.url)('../bindings/node')
const STREAMS = 200
const TICK = 5

const sessions = await Promise.all(Array.from({ length: STREAMS }, () => Session.create()))
const late = []
let events = 0
let before = performance.now()
const watching = setInterval(() => {
  const now = performance.now()
  late.push(now - before - TICK)
  before = now
}, TICK)

const begin = performance.now()
await Promise.all(sessions.map(async (s) => {
  for await (const event of s.stream('exec {quiet}<> <(:); for ((i = 0; i < 50; i++)); do echo line $i; read -rt 0.1 -u $quiet; done', { timeoutMs: 300_000 })) {
    if (event.type === 'stdout') events++
  }
}))
const took = (performance.now() - begin) / 1000
clearInterval(watching)
late.sort((a, b) => a - b)
console.log(`| Node | ${events} in ${took.toFixed(1)} s | ${late[Math.floor(late.length * 0.99)].toFixed(0)} | ${late.at(-1).toFixed(0)} |`)
await Promise.all(sessions.map((s) => s.close()))
