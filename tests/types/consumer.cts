// The same names for a program in CommonJS.
import execkit = require('execkit');

async function main(): Promise<void> {
  const session: execkit.Session = await execkit.Session.create({ transport: 'local' });
  const result: execkit.ExecResult = await session.exec('true');
  console.log(result.ok, execkit.SessionNotFound.code);
  await session.close();
}

void main();
