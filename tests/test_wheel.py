"""A wheel where there is nothing but Python and PyTorch: no compiler, no make, no clone."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOAK = os.environ.get("RECURRA_SOAK") == "1"
TEXT = "the cat sat on the mat, and the dog sat on the cat.\n" * 60

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this tree. With compiled kernels it takes minutes: that is the long form."""
    pytest.importorskip("hatchling", reason="a wheel is built by hatchling, which `pip install '.[dev]'` brings")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, ROOT]
    subprocess.run(command, check=True, env=os.environ | ({} if SOAK else {"RECURRA_WHEEL": "pure"}))
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def bare(wheel, tmp_path_factory):
    """bare("train", ...): the command in an environment whose PATH has Python alone → stdout and stderr.

    What Recurra needs, PyTorch first, is taken from the environment of the tests: the clone itself is not, since Python does
    not read the .pth files of a folder that a .pth file names.
    """
    home = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home / "env"], check=True)
    binaries = home / "env" / "bin"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            binaries / "python",
            "install",
            "--quiet",
            "--no-deps",
            "--no-index",
            wheel,
        ],
        check=True,
    )
    packages = next((home / "env" / "lib").glob("python*/site-packages"))
    places = [place for place in sys.path if "site-packages" in place] or [sysconfig.get_paths()["purelib"]]
    (packages / "shared.pth").write_text("".join(f"{place}\n" for place in places))
    (home / "text.txt").write_text(TEXT)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RECURRA_", "PYTHON", "COV_"))}
    kept |= {"PATH": str(binaries), "HOME": str(home), "OMP_NUM_THREADS": "1"}
    kept.pop("CXX", None)

    def run(*arguments, program="recurra"):
        done = subprocess.run(
            [binaries / program, *map(str, arguments)], cwd=home, env=kept, capture_output=True, text=True, timeout=200
        )
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    return run


def test_a_wheel_holds_the_sources_and_what_ships_with_it(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "recurra/native/core.cpp" in names
    assert any(name.startswith("recurra/") and name.endswith(".safetensors") for name in names), "the packaged models"
    assert any(name.endswith(".so") for name in names) == SOAK
    assert not any(name.startswith(("tests/", "docs/")) for name in names)


def test_without_a_compiler_or_make_it_trains_and_writes(bare):
    out, err = bare("train", "text.txt", "--preset", "tiny", "--epochs", 2, "-o", "mine")
    assert out == "mine\n"
    assert "validation (used to choose the weights): nats " in err
    assert "Use it:  recurra generate mine" in err
    assert len(bare("generate", "mine", "--length", 40, "--seed", 1)[0]) > 40
    assert "compiler was found" in err, "there is none, and a warning says so"
    place = bare("-c", "import recurra; print(recurra.__file__)", program="python")[0]
    assert "site-packages" in place, "it is the wheel that runs, not the clone"
    assert str(ROOT) not in place
