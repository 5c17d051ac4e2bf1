"""What nbauth costs before anything is loaded: its import, its extension, and the first token of a second kernel."""

import os
import statistics
import subprocess
import sys
import tempfile
import time

from nbauth.demo.server import DemoServer

PLAIN = [sys.executable, "-c", "pass"]
IMPORTED = [sys.executable, "-c", "import nbauth"]
IPYTHON = [sys.executable, "-m", "IPython", "--no-banner", "--no-confirm-exit", "-c", "pass"]
EXTENSION = [*IPYTHON[:-1], "%load_ext nbauth"]
FIRST_TOKEN = 'import nbauth; nbauth.login("nightly")'


def milliseconds(command: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000


def over(command: list[str], bare: list[str], environment: dict[str, str], rounds: int) -> tuple[float, float]:
    """Return the median of what the command takes longer than the bare one, and of the bare one, in ms."""
    pairs = []
    for _ in range(rounds + 1):
        base = milliseconds(bare, environment)
        pairs.append((milliseconds(command, environment) - base, base))
    return statistics.median(one for one, _ in pairs[1:]), statistics.median(base for _, base in pairs[1:])


def requests_of_two_kernels(directory: str) -> list[tuple[int, int]]:
    """Return how many requests each of two kernels in one folder sends for its first token, and for discovery."""
    with DemoServer() as demo:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("NBAUTH_", "AZURE_"))},
            "NBAUTH_CONFIG": str(demo.config_path),
            "NBAUTH_NOTEBOOK_DIR": directory,
            "XDG_STATE_HOME": directory,
        }
        found = []
        for _ in range(2):
            demo.provider.requests.clear()
            subprocess.run([sys.executable, "-c", FIRST_TOKEN], env=environment, check=True, stdout=subprocess.DEVNULL)
            found.append((len(demo.provider.requests), demo.provider.requests.count("*openid-configuration*")))
        return found


def table(rounds: int) -> str:
    """Measure, and return the table's lines."""
    with tempfile.TemporaryDirectory(prefix="nbauth-benchmark-") as directory:
        environment = {**os.environ, "IPYTHONDIR": directory}
        imported, plain = over(IMPORTED, PLAIN, environment, rounds)
        loaded, bare = over(EXTENSION, IPYTHON, environment, rounds)
        first, second = requests_of_two_kernels(directory)
    return "\n".join(
        (
            "| what | found | target |",
            "| --- | --- | --- |",
            f"| `import nbauth`, over bare Python's {plain:.0f} ms | {imported:.1f} ms | 10 ms |",
            f"| `%load_ext nbauth`, over bare IPython's {bare:.0f} ms | {loaded:.1f} ms | 30 ms |",
            f"| requests to the first token, the folder's first kernel: in all, discovery | {first[0]}, {first[1]} | |",
            f"| the same, its second kernel | {second[0]}, {second[1]} | 1, 0 |",
        )
    )


if __name__ == "__main__":
    print(table(15))
