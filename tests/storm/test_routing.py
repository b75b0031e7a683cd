"""A small storm over routing, in CI; ``bin/storm routing`` is the large one."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.xdist_group("start")
def test_rules_3_and_4_hold_while_clocks_workers_and_web_are_killed(tmp_path: Path) -> None:
    """Two clocks, two workers, two web servers; agents who come and go through the real pages."""
    seed = random.randrange(10**6)
    mine = ("DATABASE_URL", "BROKER_URL", "RINGBACK_EMBEDDED", "DJANGO_SETTINGS_MODULE", "DEMO")
    env = {name: value for name, value in os.environ.items() if name not in mine}
    size = ["--agents", "8", "--callbacks", "40", "--kills", "5", "--spread", "5"]
    done = subprocess.run(
        [sys.executable, ROOT / "bin" / "storm", "routing", "--seed", str(seed), *size,
         "--minutes", "3"],
        env={**env, "DATA_DIR": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"seed {seed}\n{done.stdout}\n{done.stderr}"
    assert "It held." in done.stdout
