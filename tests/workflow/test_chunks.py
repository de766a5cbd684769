"""Parsing scattered over chunks of a log: other jobs, the same files."""

from tests.workflow.project import STUDY, Project, merged

FILES = ("lines.parquet", "messages.parquet", "rejects.parquet", "parse_report.json")


def test_chunks_give_the_same_files(project: Project) -> None:
    folder = project.root / "results/runs/dataset=simulated"
    results = []
    for chunks, last in ((3, "gather_chunks"), (1, "parse_log")):
        study = merged(STUDY, {"compute": {"parse_chunks": chunks}})
        done = project.snakemake("--until", last, study=study)
        assert done.returncode == 0, done.stdout[-5000:]
        assert ("Parsing chunk 3 of 3" in done.stdout) == (chunks > 1)
        assert not list(folder.glob("chunks/*"))
        results.append([(folder / name).read_bytes() for name in FILES])
        for name in FILES:
            (folder / name).unlink()
    assert results[0] == results[1]
