// Round trips from Node, as rows of the table that roundtrip.py prints.
import { Session } from '../bindings/node/lib/index.mjs';

async function measure(session, command, n) {
  await session.exec(command);
  const times = [];
  for (let i = 0; i < n; i++) {
    const begin = process.hrtime.bigint();
    await session.exec(command);
    times.push(Number(process.hrtime.bigint() - begin) / 1000);
  }
  times.sort((a, b) => a - b);
  const row = [times[n >> 1], times[Math.floor(n * 0.99)]].map((us) => Math.round(us).toLocaleString('en'));
  console.log(`| execkit (this) from Node, \`${command}\` | ${row.join(' | ')} |`);
}

const session = await Session.create({ transport: 'local' });
await measure(session, 'true', 3000);
await measure(session, '/bin/true', 1000);
await session.close();
