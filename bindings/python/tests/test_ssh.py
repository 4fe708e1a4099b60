"""Sessions over a real sshd, which a ProxyCommand starts: no port is needed."""

import asyncio
import os
import shutil
import subprocess

import pytest

import execkit


@pytest.fixture
def config(tmp_path):
    """An ssh configuration with the host "box"."""
    os.makedirs("/run/sshd", exist_ok=True)
    for name in ("host", "client"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    shutil.copy(tmp_path / "client.pub", tmp_path / "authorized_keys")
    (tmp_path / "sshd_config").write_text(
        f"HostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/authorized_keys\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPidFile none\n"
    )
    (tmp_path / "known_hosts").write_text("box " + (tmp_path / "host.pub").read_text())
    (tmp_path / "config").write_text(
        f"Host box\n  User root\n  IdentityFile {tmp_path}/client\n  IdentitiesOnly yes\n  UserKnownHostsFile {tmp_path}/known_hosts\n"
        f"  ProxyCommand /usr/sbin/sshd -i -f {tmp_path}/sshd_config\n"
    )
    return str(tmp_path / "config")


def test_session(config):
    with execkit.Session.ssh("box", config=config, connect_timeout=60, timeout=120) as s:
        assert s.info["transport"] == "ssh"
        r = s.exec("cd /usr/lib; export A=1; echo out; echo err >&2; exit_code() { return 3; }; exit_code")
        assert (r.stdout, r.stderr, r.exit_code, r.cwd) == ("out\n", "err\n", 3, "/usr/lib")
        assert s.exec("echo $A $PWD").stdout == "1 /usr/lib\n"


def test_url_and_options(config):
    with execkit.create(transport="ssh://root@box", ssh={"config": config}) as s:
        assert s.exec("echo far", timeout=120).stdout == "far\n"


def test_async(config):
    async def main():
        async with await execkit.AsyncSession.ssh("root@box", config=config) as s:
            return (await s.exec("echo far", timeout=120)).stdout

    assert asyncio.run(main()) == "far\n"


def test_errors(config, tmp_path):
    (tmp_path / "known_hosts").write_text("")
    with pytest.raises(execkit.HostKeyUnknown) as e:
        execkit.Session.ssh("box", config=config)
    assert e.value.details["fingerprint"].startswith("SHA256:")
    with pytest.raises(execkit.InvalidArgument) as e:
        execkit.create(transport="ssh://root:hunter2@box")
    assert "hunter2" not in str(e.value)
    with pytest.raises(execkit.InvalidArgument):
        execkit.Session.ssh("box", config=config, host_key="maybe")
