"""Installation of system packages, with fakes of Debian's tools."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from artifacts.packages import debian as packages
from common.errors import UserError

APT_GET = """
case "$*" in
*" install "*)
    [ -e "$FAKE/policy-rc.d" ] && echo "policy present" >> "$FAKE/calls"
    if [ -e "$FAKE/stale" ] && [ ! -e "$FAKE/updated" ]; then echo "E: Unable to locate"; exit 100; fi
    if [ -e "$FAKE/refuse" ]; then echo "E: no space left"; exit 100; fi ;;
*update*) touch "$FAKE/updated" ;;
esac
"""


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put fakes of apt-get, dpkg and dpkg-query that record their calls on PATH; apt-get fails if `refuse` exists."""
    scripts = {"apt-get": APT_GET, "dpkg": "true", "dpkg-query": 'echo "runc installed"; exit 1'}
    for name, body in scripts.items():
        path = tmp_path / name
        log = "" if name == "dpkg-query" else f'echo "{name} $*" >> "$FAKE/calls"\n'
        path.write_text(f"#!/bin/sh\n{log}{body}\n")
        path.chmod(0o755)
    monkeypatch.setenv("FAKE", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(packages, "wanted", lambda: {"runc": "starts containers", "nftables": "rules"})
    monkeypatch.setattr(packages, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(packages, "POLICY", tmp_path / "policy-rc.d")
    return tmp_path


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines()


def test_only_what_is_missing_is_installed_after_it_was_named(debian: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packages.ensure_packages()
    assert [call.split()[-1] for call in calls(debian) if " install " in call] == ["nftables"]
    assert "nftables: rules" in capsys.readouterr().out


def test_an_interrupted_installation_is_finished_first(debian: Path) -> None:
    packages.ensure_packages()
    assert calls(debian)[0] == "dpkg --configure -a"


def test_no_service_may_start_and_the_policy_goes_away(debian: Path) -> None:
    packages.ensure_packages()
    assert "policy present" in calls(debian)
    assert not (debian / "policy-rc.d").exists()


def test_a_policy_left_by_a_killed_run_goes_away_and_the_machines_own_stays(debian: Path) -> None:
    policy = debian / "policy-rc.d"
    policy.write_text(packages.POLICY_TEXT)
    packages.ensure_packages()
    assert not policy.exists()
    policy.write_text("#!/bin/sh\nexit 0\n")
    packages.ensure_packages()
    assert policy.read_text() == "#!/bin/sh\nexit 0\n"


def test_stale_package_lists_are_updated_once(debian: Path) -> None:
    (debian / "stale").touch()
    packages.ensure_packages()
    assert sum(call.endswith("update") for call in calls(debian)) == 1


def test_lists_that_suffice_are_not_updated(debian: Path) -> None:
    packages.ensure_packages()
    assert not any(call.endswith("update") for call in calls(debian))


def test_failure_shows_apts_output_the_log_and_the_packages(debian: Path) -> None:
    (debian / "refuse").touch()
    with pytest.raises(UserError) as caught:
        packages.ensure_packages()
    text = caught.value.render()
    assert "E: no space left" in text
    assert str(debian / "logs" / "packages.log") in text
    assert "nftables" in text
    assert not (debian / "policy-rc.d").exists()


def test_without_debian_the_message_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="Debian 12"):
        packages.missing()
