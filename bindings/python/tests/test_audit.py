import pytest

import execkit


def test_a_session_is_recorded(tmp_path):
    log, head = tmp_path / "audit.jsonl", tmp_path / "head"
    policy = execkit.Policy.default_deny(allow=["echo"])
    with execkit.create(policy=policy, audit={"path": str(log), "head_path": str(head), "label": "agent"}) as s:
        assert s.exec("echo a").audit_seq == 4
        with pytest.raises(execkit.Blocked) as blocked:
            s.exec("rm -rf /")
        assert blocked.value.details["audit_seq"] == 5
    report = execkit.verify_audit(log, head=head)
    assert report and report.ok and report.anchored and report.records == 6 and report.first_bad is None
    assert [r["kind"] for r in execkit.query_audit(log)] == ["log", "open", "intent", "outcome", "block", "close"]
    assert execkit.query_audit(log, kinds=["outcome"])[0]["stdout"] == "a\n"
    assert log.stat().st_mode & 0o777 == 0o600
    with execkit.create(audit=str(log)) as s:
        s.exec("true")
    later = execkit.verify_audit(log, head=report.head)
    assert later.ok and later.after_head == 4


def test_damage_is_named(tmp_path):
    log, head = tmp_path / "audit.jsonl", tmp_path / "head"
    with execkit.create(audit={"path": str(log), "head_path": str(head)}) as s:
        s.exec("echo innocent")
    text = log.read_text()
    log.write_text(text.replace("innocent", "Innocent", 1))
    report = execkit.verify_audit(log, head=head)
    assert not report and report.first_bad["kind"] == "changed" and report.first_bad["seq"] == 3
    log.write_text("".join(text.splitlines(keepends=True)[:-1]))
    assert execkit.verify_audit(log).ok
    assert execkit.verify_audit(log, head=head).first_bad["kind"] == "truncated"
    with pytest.raises(execkit.AuditFailed):
        execkit.create(audit={"path": str(log), "head_path": str(head)})


def test_a_log_that_cannot_be_written_blocks(tmp_path):
    for audit in [str(tmp_path), "/proc/none", {"path": str(tmp_path / "x"), "on_failure": "ignore"}, 7]:
        with pytest.raises(execkit.InvalidArgument):
            execkit.create(audit=audit)
    with pytest.raises(execkit.InvalidArgument):
        execkit.verify_audit(tmp_path / "none")
