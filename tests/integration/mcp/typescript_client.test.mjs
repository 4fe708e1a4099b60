// The MCP server under the official TypeScript client.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { createRequire } from 'node:module'

// build.sh installs the client in build/, outside the sources.
const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '../../..')
const require = createRequire(path.join(root, 'build/node_mcp/'))
const { Client } = require('@modelcontextprotocol/sdk/client/index.js')
const { LoggingMessageNotificationSchema } = require('@modelcontextprotocol/sdk/types.js')
const { StdioClientTransport } = require('@modelcontextprotocol/sdk/client/stdio.js')

test('a session', async () => {
  const client = new Client({ name: 'test', version: '1' })
  await client.connect(new StdioClientTransport({ command: path.join(root, 'build/execkit'), args: ['mcp'] }))
  try {
    // listTools makes the client check structured content against the output schemas.
    const { tools } = await client.listTools()
    assert.ok(tools.some((tool) => tool.name === 'session_exec'))
    const created = await client.callTool({ name: 'session_create', arguments: {} })
    const session_id = created.structuredContent.session_id
    const done = await client.callTool({ name: 'session_exec', arguments: { session_id, command: 'echo a; (exit 3)' } })
    assert.equal(done.structuredContent.exit_code, 3)
    assert.deepEqual(JSON.parse(done.content[0].text), done.structuredContent)

    const stop = new AbortController()
    const running = client.callTool({ name: 'session_exec', arguments: { session_id, command: 'sleep 60' } }, undefined, { signal: stop.signal })
    setTimeout(() => stop.abort(), 200)
    await assert.rejects(running)
    for (let tries = 0; ; tries++) {
      const next = await client.callTool({ name: 'session_exec', arguments: { session_id, command: 'echo on' } })
      if (!next.isError) {
        assert.equal(next.structuredContent.stdout, 'on\n')
        break
      }
      assert.ok(tries < 500, next.content[0].text)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  } finally {
    await client.close()
  }
})

test('output as it comes', async () => {
  const client = new Client({ name: 'test', version: '1' })
  const told = []
  let heard
  const hearing = new Promise((resolve) => { heard = resolve })
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
    told.push(params.data)
    if (told.map((d) => d.text ?? '').join('').includes('step one')) heard()
  })
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'execkit-'))
  await client.connect(new StdioClientTransport({ command: path.join(root, 'build/execkit'), args: ['mcp'] }))
  try {
    const { session_id } = (await client.callTool({ name: 'session_create', arguments: {} })).structuredContent
    await client.callTool({ name: 'session_exec', arguments: { session_id, command: 'echo before' } })
    assert.deepEqual(told, [])
    await client.setLoggingLevel('info')
    const door = path.join(dir, 'door')
    const command = `printf 'key %s.\\nstep one\\n' AKIAQ3EGRIPZ7''WNLX5TD; until [ -e ${door} ]; do sleep 0.02; done`
    const running = client.callTool({ name: 'session_exec', arguments: { session_id, command } })
    await hearing
    fs.writeFileSync(door, '')
    const done = (await running).structuredContent
    assert.equal(done.stdout, 'key [REDACTED].\nstep one\n')
    assert.equal(told.map((d) => d.text).join(''), done.stdout)
    assert.ok(told.every((d) => d.session_id === session_id && d.stream === 'stdout'))
  } finally {
    await client.close()
    fs.rmSync(dir, { recursive: true })
  }
})
