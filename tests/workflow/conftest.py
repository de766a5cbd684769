"""Fixtures: the tiny study of every model, run once for all tests, copies of it, and a fresh copy of the project."""

import os
from pathlib import Path

import pytest

from tests.workflow.project import EVERY, STUDY, Project, built, merged


@pytest.fixture(scope="session")
def every_model(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny study of every model, run to its end once for all processes of the tests; for copies."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    return built(folder / "every-model", merged(STUDY, EVERY))


@pytest.fixture(scope="module")
def built_once(every_model: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny study of every model with its results; not to be changed."""
    return every_model.copy(tmp_path_factory.mktemp("built") / "project")


@pytest.fixture
def built_project(every_model: Project, tmp_path: Path) -> Project:
    """The same for a test that changes it."""
    return every_model.copy(tmp_path / "project")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh copy of the project without results."""
    return Project(tmp_path / "project")
