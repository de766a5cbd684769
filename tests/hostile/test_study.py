"""A study of a log in which every text is hostile, in a home folder that no one else need know of."""

import csv
import os
import random
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser

from tests.browser.conftest import Opened
from tests.workflow.project import Project

USER, HOST = "quentin-x4f", "buero-9k7"
TEXTS = [
    "<script>window.owned=1</script>",
    "<img src=http://evil.example/a.png onerror=window.owned=1>",
    "</script><svg onload=window.owned=1>",
    "[click](javascript:window.owned=1)",
    "![image](http://evil.example/b.png)",
    "a | b `c` ``` **d** # e",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1)",
    "\t=1+1",
    "\x1b[31mred\x9b2J\x07",
    "\u202eleft\u2066",
    "one\u2028two\u2029three\x85four",
    "nul\x00byte",
    "{{7*7}} {x} ${HOME} $(touch owned) `touch owned`; touch owned",
]
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def write_log(folder: Path) -> dict[str, str]:
    """Write a log, its labels and kinds under names that a shell would run; sessions are named after hostile texts."""
    draw = random.Random(1)
    lines, labels, kinds = [], ["BlockId,Label"], ["BlockId,Kind"]
    for number in range(160):
        key, odd = f"{TEXTS[number % len(TEXTS)].strip()}#{number}", number % 3 == 0
        for event in range(draw.randrange(4, 8)):
            # Every other anomaly looks like a normal session, so that no target is met and there is advice.
            text = draw.choice(TEXTS) + " odd" if odd and number % 2 else TEXTS[3 * event % len(TEXTS)]
            lines.append(f"2024-01-01T{number // 60:02}:{number % 60:02}:{event:02};;{key};;{text} event")
        labels.append(f"{quoted(key)},{'Anomaly' if odd else 'Normal'}")
        kinds += [f"{quoted(key)},{quoted(TEXTS[number // 3 % len(TEXTS)])}"] if odd else []
    names = {
        "log": 'it\'s "$(touch owned)" `touch owned` [1]*.log',
        "labels": "-labels; touch owned.csv",
        "kinds": "&k.csv",
    }
    for name, content in (("log", lines), ("labels", labels), ("kinds", kinds)):
        (folder / names[name]).write_text("\n".join(content) + "\n", encoding="utf-8")
    return {name: str(folder / file) for name, file in names.items()}


@dataclass(frozen=True)
class Study:
    """A study that ran to its end, and where."""

    project: Project
    home: Path
    printed: str

    @property
    def folder(self) -> Path:
        return self.project.root / "results" / "studies" / "hostile"


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The study, run by a user and on a host whose names are unmistakable."""
    top = tmp_path_factory.mktemp("top")
    home = top / USER / "my logs"
    home.mkdir(parents=True)
    files = write_log(home)
    config: dict[str, Any] = {
        "study": {
            "name": "hostile",
            "datasets": ["own"],
            "sample_sizes": [60],
            "models": ["deeplog", "new-event"],
            "epochs": 2,
            "protocols": ["labelled"],
        },
        "evaluation": {"threshold": {"targets": {"recall": 0.99, "precision": 0.99}}},
        "report": {"languages": ["en"]},
        "formats": {
            "odd": {
                "description": TEXTS[0],
                "header": r"^(?P<time>\S{19});;(?P<key>.*?);;(?P<content>.*)$",
                "timestamp": {"text": "{time}", "format": "%Y-%m-%dT%H:%M:%S"},
                "session_key": {"group": "key"},
            }
        },
        "datasets": {
            "own": {
                "description": TEXTS[0],
                "format": "odd",
                "source": {"file": files["log"]},
                "labels": {"file": files["labels"], "kinds": files["kinds"]},
            }
        },
    }
    path = home / "my study $(touch owned).yaml"
    path.write_text(yaml.safe_dump(config))
    # Every Python that is started asks this module first.
    (top / "site").mkdir()
    (top / "site" / "sitecustomize.py").write_text(
        f"import os, platform, socket\nsocket.gethostname = lambda: {HOST!r}\nplatform.node = lambda: {HOST!r}\n"
    )
    project = Project(top / "project")
    names = {"HOME": str(home.parent), "USER": USER, "LOGNAME": USER, "HOSTNAME": HOST, "PYTHONPATH": str(top / "site")}
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", str(path)],
        cwd=project.root,
        env=os.environ | names,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    return Study(project, home, done.stdout)


def test_no_text_and_no_path_is_run_by_a_shell(study: Study) -> None:
    assert not list(study.home.parents[1].rglob("owned*"))


def test_nothing_steers_the_terminal(study: Study) -> None:
    assert not UNSEEN.search(study.printed.replace("\n", "").replace("\t", ""))


def shared(study: Study) -> list[Path]:
    """What the study's folder holds, and the evaluations that it was made of."""
    runs = study.project.root / "results" / "runs"
    found = [path for path in study.folder.rglob("*") if path.is_file()]
    evaluations = [*runs.rglob("evaluation_results_*.json"), *runs.rglob("epochs.parquet"), *runs.rglob("*.png")]
    assert len(found) > 10
    assert len(evaluations) > 5
    return found + evaluations


def test_no_path_no_user_and_no_host_is_shared(study: Study) -> None:
    """The log, its labels and the study file lie in the user's home; the project in a folder beside it."""
    secrets = [USER, HOST, str(study.home.parents[1]), "my logs", study.project.root.parent.name]
    for path in shared(study):
        content = path.read_bytes()
        assert [secret for secret in secrets if secret.encode() in content] == [], path
        assert os.sep + "tmp" + os.sep not in content.decode(errors="ignore"), path


def test_the_workflow_report_names_neither_user_nor_host(study: Study) -> None:
    config = study.home / "my study $(touch owned).yaml"
    names = {"USER": USER, "LOGNAME": USER, "PYTHONPATH": str(study.home.parents[1] / "site")}
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile", str(config), "--report", "report.html"],
        cwd=study.project.root,
        env=os.environ | names,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    page = (study.project.root / "report.html").read_text(encoding="utf-8")
    assert [secret for secret in (USER, HOST, str(study.home.parents[1])) if secret in page] == []


def test_study_files_of_advice_go_after_the_studys_own(study: Study) -> None:
    files = sorted((study.folder / "advice").glob("*.yaml"))
    assert files
    for path in files:
        assert yaml.safe_load(path.read_text())["datasets"] == {}
    command = f"--configfile 'my study $(touch owned).yaml' results/studies/hostile/advice/{files[0].name}"
    assert command in (study.folder / "report" / "comparison_report.en.md").read_text(encoding="utf-8")
    options = ["--dry-run", "--cores", "1", "--quiet", "rules", "--configfile"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *options, str(study.home / "my study $(touch owned).yaml"), str(files[0])],
        cwd=study.project.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_markdown_shows_texts_and_obeys_none(study: Study) -> None:
    text = (study.folder / "report" / "comparison_report.en.md").read_text(encoding="utf-8")
    # All hostile kinds are in the table, as texts.
    assert r"kind: &lt;script&gt;window.owned=1&lt;/script&gt;" in text
    assert r"\!\[image\](http&colon;//evil.example/b.png)" in text
    for path in study.folder.rglob("*.md"):
        text = path.read_text(encoding="utf-8")
        assert not UNSEEN.search(text), path
        bare = re.sub(r"`[^`]*`|\]\(<[a-z_./]*>\)", "", text)
        assert not re.search(r"<(?!/?strong>)[a-z/!]", bare), path
        assert "http://evil" not in text
        rows = [line for line in text.splitlines() if line.startswith("| deeplog | kind:")]
        assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} <= {7}


def test_no_cell_of_the_csv_is_a_formula(study: Study) -> None:
    with (study.folder / "comparison.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 4
    for cell in (cell for row in rows for cell in row if not re.fullmatch(r"-?[0-9.e+-]*", cell)):
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_pages_run_nothing_of_it_and_ask_for_nothing(study: Study, chromium: Browser) -> None:
    for path in sorted((study.folder / "report").glob("*.html")):
        shown = Opened(chromium, path.as_uri())
        assert shown.page.evaluate("window.owned") is None
        assert "<script>window.owned=1</script>" in shown.page.inner_text("body")
        assert shown.page.locator("img, svg[onload], a[href^=javascript]").count() == 0
        shown.context.close()
        assert shown.complaints == []
        assert shown.requests == [path.as_uri()]


def test_with_full_paths_reports_name_the_files(study: Study) -> None:
    """The option is for those who keep their reports to themselves."""
    path = study.home / "my study $(touch owned).yaml"
    options = [
        "--dry-run",
        "--printshellcmds",
        "--config",
        'report={"full_paths":true,"languages":["en"]}',
        "--",
        "results/studies/hostile/verdicts.json",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile", str(path), *options],
        cwd=study.project.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    command = next(line for line in done.stdout.splitlines() if "judge_study.py" in line)
    assert f"--study-file '../{USER}/my logs/my study" in command
    assert '"source": {"file": "' + str(study.home) in command
