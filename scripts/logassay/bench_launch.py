"""Run a command and say what it took, as JSON on standard output; standard library only.

Started as `python -I -S bench_launch.py COMMAND...`: a process is said to have needed at least the memory of the one
that started it, so that one must be small.
"""

import json
import os
import sys
import time

if __name__ == "__main__":
    command = sys.argv[1:]
    begin = time.perf_counter()
    # What the command prints goes to standard error.
    child = os.posix_spawnp(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
    _, status, usage = os.wait4(child, 0)
    facts = {
        "seconds": time.perf_counter() - begin,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        # Linux counts kilobytes, macOS bytes.
        "peak_mb": usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10),
        "exit_code": os.waitstatus_to_exitcode(status),
    }
    print(json.dumps(facts))
