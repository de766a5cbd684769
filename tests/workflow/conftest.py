"""Fixtures: the tiny study, run once for all tests, and a fresh copy of the project."""

from pathlib import Path

import pytest

from tests.workflow.project import Project


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny study, run to its end; not to be changed."""
    project = Project(tmp_path_factory.mktemp("built") / "project")
    project.build()
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh copy of the project without results."""
    return Project(tmp_path / "project")
