import asyncio
import pathlib

import execkit
import pytest


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    root = tmp_path / "project"
    root.mkdir()
    return root


def create(root, **options):
    return execkit.create(cwd=str(root), workspace={"path": str(root), "store": str(root.parent / "store")}, **options)


def test_undo(project):
    with create(project) as s:
        s.exec("echo one >a; echo x >b")
        c = s.checkpoint("good")
        assert c.id and c["label"] == "good" and c.files == 2
        s.exec("echo two >a; rm b; echo new >made")
        (project / "mine").write_text("a person's")
        diff = s.diff(c)
        assert "-one\n+two\n" in diff.patch and {f.path: f.change for f in diff.files}["made"] == "added"
        assert s.restore(c.id, preview=True).deleted == 1 and (project / "made").exists()
        done = s.restore(c.id)
        assert (done.created, done.replaced, done.deleted) == (1, 1, 1) and done.kept[0].path == "mine"
        assert (project / "a").read_text() == "one\n" and not (project / "made").exists() and (project / "mine").exists()
        s.restore(done.saved)
        assert (project / "a").read_text() == "two\n"
        autos = [k for k in s.checkpoints() if k.auto and k.get("command", "").startswith("echo two")]
        assert autos[0].changed == 3
        s.delete_checkpoint(c)
        with pytest.raises(execkit.CheckpointNotFound):
            s.restore(c)


def test_a_home_directory_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for root in ("/", str(pathlib.Path("/root"))):
        with pytest.raises(execkit.InvalidArgument, match="allow_wide"):
            execkit.create(workspace=root)


def test_restore_needs_the_policy(project):
    with create(project, policy={"default": "deny", "allow": ["ls"]}) as s:
        c = s.checkpoint()
        with pytest.raises(execkit.Blocked):
            s.restore(c)
    with create(project, policy={"default": "deny", "allow": ["ls", "execkit checkpoint"]}) as s:
        s.restore(c)


def test_state_and_snapshot(project, tmp_path):
    path = tmp_path / "snap"
    with execkit.create(cwd=str(project)) as s:
        s.exec("mkdir d; cd d; export COLOR=red API_TOKEN=abcdefgh12345678; alias ll='ls -l'; hi() { echo hi \"$1\"; }")
        state = s.state()
        assert state.cwd == str(project / "d") and state.env["COLOR"] == "red" and state.env["API_TOKEN"] == "[REDACTED]"
        assert state.functions == ["hi"] and state.aliases == {"ll": "ls -l"} and state.last_exit_code == 0
        saved = s.snapshot(path, passphrase="correct horse")
        assert saved.redacted == ["variable API_TOKEN"]
    with pytest.raises(execkit.SnapshotInvalid, match="passphrase is wrong"):
        execkit.restore(path, passphrase="x")
    with execkit.restore(path, passphrase="correct horse") as s:
        assert s.exec("hi there; pwd; echo $COLOR").stdout == f"hi there\n{project}/d\nred\n"
        assert s.info["refused"] == []
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    with pytest.raises(execkit.SnapshotInvalid):
        execkit.restore(data=bytes(data), passphrase="correct horse")


def test_files(project):
    with execkit.create(cwd=str(project)) as s:
        s.write_file("d/a", "text", parents=True, mode=0o600)
        s.write_file(project / "b", b"\xff\x00")
        assert s.read_file("d/a").content == "text"
        assert s.read_file("b").encoding == "base64"
        assert [e.path for e in s.list_files().entries] == ["b", "d"]
        assert s.stat_file("d/a").mode == "0600"
        with pytest.raises(execkit.InvalidArgument):
            s.write_file("d/a", "x", exclusive=True)


def test_async(project):
    async def main():
        options = {"cwd": str(project), "workspace": {"path": str(project), "store": str(project.parent / "store")}}
        async with await execkit.AsyncSession.create(**options) as s:
            await s.exec("echo one >a")
            c = await s.checkpoint("x")
            await s.write_file("a", "two")
            assert "two" in (await s.diff(c)).patch
            await s.restore(c)
            assert (await s.read_file("a")).content == "one\n"
            assert (await s.state()).cwd == str(project)
            assert len(await s.checkpoints()) >= 2
            saved = await s.snapshot(passphrase="p")
        import base64

        s = await execkit.arestore(data=base64.b64decode(saved.data_b64), passphrase="p")
        await s.close()

    asyncio.run(main())
