"""A Slurm of its own on this computer: a controller and several nodes, each a host with name, port and processes.

Each daemon runs in namespaces of the kernel. So nothing is ever written under /etc/slurm, a node has its own host name
and process numbers, and when the first process of a node dies, all of them die, as if its plug had been pulled.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "unshare", "setpriv")

CONFIGURATION = """\
ClusterName=logassay
SlurmctldHost=control(127.0.0.1)
SlurmctldPort={controller}
SlurmUser=root
AuthInfo=socket={root}/munge.socket
StateSaveLocation={root}/state
SlurmctldPidFile={root}/slurmctld.pid
SlurmdSpoolDir={root}/spool.%n
SlurmdPidFile={root}/%n.pid
SlurmdParameters=config_overrides
# A node that is silent for this long is lost, and its jobs with it.
SlurmdTimeout=6
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0
# A job with more memory than it asked for is ended within a second.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
MinJobAge=600
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={root}/completed.txt
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def lacking() -> str | None:
    """Say what this computer lacks to run a Slurm, if anything."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=SEARCH_PATH) is None]
    if missing:
        return f"no {', '.join(missing)} here: apt-get install --no-install-recommends slurm-wlm munge"
    tried = subprocess.run(["unshare", *NAMESPACES, "true"], capture_output=True, check=False)
    return "only root can start a Slurm, with the right to make namespaces" if tried.returncode else None


# Daemons lie in folders that not every shell searches.
SEARCH_PATH = os.pathsep.join([*os.get_exec_path(), "/usr/sbin", "/sbin"])
NAMESPACES = ("--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc")


def free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def children(pid: int) -> list[int]:
    """Return the numbers of the direct children of a process."""
    try:
        return [int(number) for number in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


class Cluster:
    """A running Slurm.

    Parameters
    ----------
    root : Path
        Empty folder for its configuration, state, logs and sockets, with a short path.
    nodes : int
        How many nodes of one processor each; they are named node1, node2, ….
    """

    environment = os.environ | {"PATH": SEARCH_PATH}

    def __init__(self, root: Path, nodes: int) -> None:
        self.root = root
        self.nodes = [f"node{number}" for number in range(1, nodes + 1)]
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        controller, *ports = free_ports(nodes + 1)
        lines = [
            f"NodeName={node} NodeAddr=127.0.0.1 Port={port} CPUs=1 RealMemory=20000 State=UNKNOWN"
            for node, port in zip(self.nodes, ports, strict=True)
        ]
        for name in ("etc", "state"):
            (root / name).mkdir()
        text = CONFIGURATION.format(root=root, controller=controller, nodes="\n".join(lines))
        (root / "etc" / "slurm.conf").write_text(text)
        (root / "munge.key").write_bytes(os.urandom(128))
        (root / "munge.key").chmod(0o400)
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        files = [f"--{name}-file={self.root}/munge.{name}" for name in ("key", "pid", "log", "seed")]
        self._launch("munge", "munged", "--foreground", "--force", f"--socket={self.root}/munge.socket", *files)
        self._wait((self.root / "munge.socket").exists)
        self._launch("control", "slurmctld", "-D", "-c")
        for node in self.nodes:
            self._launch(node, "slurmd", "-D", "-N", node)
        state = ("sinfo", "--noheader", "--Node", "--format=%T")
        self._wait(lambda: self.ask(*state).split() == ["idle"] * len(self.nodes))

    def _launch(self, name: str, *command: str) -> None:
        """Start a daemon on a host of its own."""
        with (self.root / f"{name}.log").open("ab") as log:
            self._daemons[name] = subprocess.Popen(
                self.inside(*command, host=name), env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def inside(self, *command: str, host: str | None = None) -> list[str]:
        """Return a command line that runs a command where /etc/slurm is this cluster's, on a host if named."""
        rename = f"hostname {host} && " if host else ""
        script = f'{rename}mount --bind "$0" /etc/slurm && exec "$@"'
        # A daemon does not outlive the tests, however they end.
        start = ("setpriv", "--pdeathsig=KILL", "unshare", *NAMESPACES) if host else ("unshare", "--mount")
        return [*start, "sh", "-c", script, str(self.root / "etc"), *command]

    def ask(self, *command: str) -> str:
        """Run one of Slurm's commands and return what it prints."""
        done = subprocess.run(
            self.inside(*command), env=self.environment, capture_output=True, text=True, check=False, timeout=60
        )
        return done.stdout

    def running(self) -> dict[str, str]:
        """Return the node of each job that is running."""
        return dict(re.findall(r"(\d+) (\w+)", self.ask("squeue", "--noheader", "--states=running", "--format=%i %N")))

    def completed(self) -> list[dict[str, str]]:
        """Return the jobs that have come to an end, from Slurm's own book of them."""
        lines = (self.root / "completed.txt").read_text().splitlines()
        return [dict(field.split("=", 1) for field in line.split() if "=" in field) for line in lines]

    def kill_node(self, node: str) -> None:
        """End all processes of a node at once."""
        self._end(self._daemons.pop(node))

    def _end(self, daemon: subprocess.Popen[bytes]) -> None:
        for first in children(daemon.pid):
            os.kill(first, signal.SIGKILL)
        try:
            daemon.wait(10)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait(10)

    def _wait(self, ready: Callable[[], bool]) -> None:
        until = time.monotonic() + 60
        while not ready():
            fallen = [name for name, daemon in self._daemons.items() if daemon.poll() is not None]
            if fallen or time.monotonic() > until:
                said = "\n".join(path.read_text()[-2000:] for path in sorted(self.root.glob("*.log")))
                raise RuntimeError(f"Slurm did not start ({', '.join(fallen) or 'in a minute'}):\n{said}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End every process of the cluster."""
        while self._daemons:
            self._end(self._daemons.popitem()[1])
