// What a TypeScript program writes against index.d.ts. It is compiled and not run: ./build.sh check.
import execkitDefault, * as execkit from 'execkit';
import { Blocked, CommandFailed, ExecKitError, Policy, Session, capabilities, limits, queryAudit, redact, restore, verifyAudit } from 'execkit';
import type { ApprovalRequest, AuditReport, Checkpoint, Event, ExecResult, Job, Running, Screen, SessionState } from 'execkit';

async function open(kind: string): Promise<Session> {
  switch (kind) {
    case 'ssh':
      return Session.ssh('deploy@prod-1', { hostKey: 'strict', knownHosts: ['/etc/ssh/known'], connectTimeoutMs: 5000, timeoutMs: 1000 });
    case 'docker':
      return Session.docker('web', { user: '1000', env: { A: null }, tls: { ca: 'ca.pem' } });
    case 'k8s':
      return Session.k8s('web/api-0', { as: 'deployer', protocol: 'websocket' });
    case 'selector':
      return Session.k8s(undefined, { namespace: 'web', selector: 'app=api' });
    case 'sandbox':
      return Session.sandbox({ write: ['/tmp/work'], network: [443] });
    case 'object':
      return Session.create({ transport: { type: 'docker', container: 'web' }, docker: { user: '1000' } });
    default:
      return Session.local({ cwd: new URL('file:///tmp'), policy: Policy.defaultDeny({ allow: ['ls'], network: [443], interactive: true }), onApproval: async (request: ApprovalRequest) => !request.severe });
  }
}

async function live(session: Session, signal: AbortSignal): Promise<number> {
  for await (const event of session.stream('make', { signal, traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' })) {
    const seen: Event = event;
    if (seen.type === 'stdout') process.stdout.write(seen.data);
    else if (seen.type === 'finished') console.log(seen.result.exitCode, seen.result.events?.[0]?.kind);
    else console.log(seen.fields?.['url'], seen.kind);
  }
  await using running: Running = await session.start('bc', { stdin: 'open', tty: true });
  await running.write('1+1\n', { to: 'tty', timeoutMs: 1000 });
  await running.keys('enter', 'ctrl-d');
  await running.resize(40, 100);
  const screen: Screen = await running.screen({ format: 'png' });
  const size: number | undefined = screen.png?.byteLength;
  await running.closeStdin();
  const reached: number = await running.signal('INT');
  const result: ExecResult = await running.wait({ timeoutMs: 1000, signal });
  const yielded = await session.exec('npm run dev', { yieldMs: 1000, stdinOpen: true, tty: { rows: 24 } });
  const jobs: Job[] = yielded.running ? await session.jobs() : [];
  for (const job of jobs) {
    const part = await job.output('stdout', { offset: 0 });
    const end: ExecResult | null = part.eof ? await job.wait({ timeoutMs: 1 }) : await job.write('x');
    await job.kill(end?.running ? 'TERM' : undefined);
  }
  return reached + (size ?? 0) + (result.exitCode ?? 0) + (await session.interrupt());
}

async function undo(session: Session): Promise<SessionState> {
  const checkpoint: Checkpoint = await session.checkpoint('before');
  const all: Checkpoint[] = await session.checkpoints();
  const diff = await session.diff(checkpoint, { against: all[0] ?? checkpoint, paths: ['a'] });
  for (const file of diff.files) if (file.change === 'deleted') await session.restore(checkpoint.id, { preview: true });
  await session.deleteCheckpoint(checkpoint);
  const saved = await session.snapshot(undefined, { passphrase: 'p' });
  const again = await restore(undefined, { data: Buffer.from(saved.dataB64 ?? '', 'base64'), passphrase: 'p', timeoutMs: 1 });
  await again.close();
  await session.writeFile(new URL('file:///tmp/a'), new Uint8Array(), { mode: 0o600, parents: true });
  const listed = await session.listFiles('.', { limit: 10 });
  const first: string | undefined = listed.entries[0]?.mode;
  await session.statFile((await session.readFile(first ?? 'a', { limit: 1 })).path);
  return session.state();
}

async function main(): Promise<void> {
  await using session = await open('local');
  try {
    (await session.exec('ls', { check: true, budget: { maxTokens: 100, keep: { mode: 'tail' } } })).check();
  } catch (error) {
    if (error instanceof CommandFailed) console.log(error.result.stderr);
    else if (error instanceof Blocked) console.log(error.details['rules'], error.outcome === 'not_run');
    else if (error instanceof ExecKitError) console.log(error.code, error.hint);
    else throw error;
  }
  await live(session, AbortSignal.timeout(1000));
  await undo(session);
  const most: number = (await limits()).output.readBytes + (await capabilities()).methods.length;
  const report: AuditReport = await verifyAudit(new URL('file:///log'), { head: { count: 1, hash: 'h' } });
  if (!report.ok) console.log(report.firstBad?.message, (await queryAudit('log', { last: true, limit: 1 }))[0]?.seq);
  const text: string = await redact('password=x', { labels: true });
  const version: number = execkit.abiVersion();
  console.log(text, version, most, execkitDefault.Session === Session);

  // What the compiler must refuse.
  // @ts-expect-error there is no such option
  await Session.local({ timeout: 1 });
  // @ts-expect-error a signal has a name
  await session.interrupt(2);
  // @ts-expect-error sessions are opened by create
  new Session();
  // @ts-expect-error a result is not written to
  (await session.exec('true')).exitCode = 1;
  // @ts-expect-error there is no such kind of host key check
  await Session.ssh('box', { hostKey: 'maybe' });
}

void main();
