"""Environment files: what their packages need is found out from the packages, and pinned as the lock has it."""

from pathlib import Path
from types import SimpleNamespace

import pytest

import pin_environments
from logassay.errors import UserError

NEEDS = {
    "frames": ["Runtime_32==1.5", "arrows>=2; extra == 'arrows'", "colours; sys_platform == 'nowhere'"],
    "runtime-32": [],
    "bars": ["frames[arrows]"],
    "arrows": [],
    "colours": [],
}
VERSIONS = {"frames": "2.1", "runtime-32": "1.5", "bars": "4.0", "arrows": "26.0", "colours": "0.4"}
FILE = """# Of rules.
channels: [conda-forge, nodefaults]
dependencies:
  - python=3.11
  - pip=25.3
  - pip:
"""


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The packages above in place of the real ones, one of them a build of its own."""
    versions = VERSIONS | {"frames": "2.1+cpu"}
    monkeypatch.setattr(
        pin_environments.metadata,
        "distribution",
        lambda name: SimpleNamespace(version=versions[name], requires=NEEDS[name]),
    )


def test_needs_of_needs_are_found_with_the_extras_and_markers_that_apply() -> None:
    assert pin_environments.needed({"frames"}, VERSIONS) == {"frames", "runtime-32"}
    assert pin_environments.needed({"bars"}, VERSIONS) == {"bars", "frames", "runtime-32", "arrows"}
    assert pin_environments.needed({"bars", "frames"}, VERSIONS) == {"bars", "frames", "runtime-32", "arrows"}


def test_a_package_that_the_lock_lacks_or_has_in_another_version_is_named() -> None:
    with pytest.raises(UserError, match="runtime-32 is not in the lock"):
        pin_environments.needed({"frames"}, {"frames": "2.1"})
    with pytest.raises(UserError, match=r"bars 4\.0 is installed here, the lock says 4\.1\."):
        pin_environments.needed({"bars"}, VERSIONS | {"bars": "4.1"})


def test_a_file_is_completed_and_then_stays_as_it_is(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("# Made by make lock.\nFrames==2.1\nRuntime_32==1.5\n")
    versions = pin_environments.locked(lock)
    assert versions == {"frames": "2.1", "runtime-32": "1.5"}
    wanted = f"{FILE}      - frames==2.1\n{pin_environments.BELOW}      - runtime-32==1.5\n"
    assert pin_environments.completed(f"{FILE}      - frames==1.9\n", versions) == wanted
    assert pin_environments.completed(wanted, versions) == wanted
