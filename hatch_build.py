"""The wheel's build: the core and every built-in cell, compiled ahead for each instruction set of this architecture.

It goes the way that a user's own cell goes at its first use (`recurra.backends.cpu`), into the package's folder of compiled
files. Without a compiler, or with RECURRA_WHEEL=pure, the wheel holds the sources alone and works too, slower. An editable
install builds nothing ahead: what is used is compiled then.
"""

import os
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

INSIDE = "recurra/backends/cpu/lib"
PAGE = "recurra/page/lib"


class CustomBuildHook(BuildHookInterface):
    """Adds native/ and the compiled files to a wheel."""

    def initialize(self, version: str, build_data: dict) -> None:
        if version == "editable":
            return
        root = Path(self.root)
        for file in sorted((root / "native").iterdir()):
            if file.suffix in (".h", ".cpp"):
                build_data["force_include"][str(file)] = f"recurra/native/{file.name}"
        if os.environ.get("RECURRA_WHEEL") == "pure" or sys.platform == "win32":
            return
        self.folder = tempfile.TemporaryDirectory(prefix="recurra-wheel-")
        sys.path.insert(0, str(root / "src"))
        try:
            files = self.compile(Path(self.folder.name))
        finally:
            sys.path.remove(str(root / "src"))
        for file in files:
            build_data["force_include"][str(file)] = f"{INSIDE if file.suffix == '.so' else PAGE}/{file.name}"
        if files:
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"

    def finalize(self, version: str, build_data: dict, artifact_path: str) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def compile(self, folder: Path) -> list[Path]:
        """The compiled files, as many as could be made; what could not be is told in a warning."""
        from recurra import cells
        from recurra.backends.cpu import build, cache, library, processor
        from recurra.engine import library as engine

        try:
            self.app.display_info(f"compiling the kernels with {build.version(build.compiler())}")
        except build.CompileError as error:
            self.app.display_warning(
                f"{error}: this wheel has no compiled kernels. Cells are compiled where it is used, if there is a compiler; "
                "else PyTorch's kernels and the equations run them, slower"
            )
            return []
        # These two first: they take longest.
        units = [library.core_unit(), engine.unit(), *(library.unit(cell)[0] for cell in cells.built_in().values())]
        units += [engine.step_unit(cell)[0] for cell in cells.built_in(given=False).values()]
        jobs = [(unit, isa, folder / cache.file_name(unit, isa)) for unit in units for isa in processor.known()]

        def make(job) -> str | None:
            try:
                cache.make(*job)
            except build.CompileError as error:
                return f"{job[0].name} for {job[1].name}: {error}"
            return None

        with ThreadPoolExecutor(os.cpu_count()) as threads:
            wrong = [message for message in threads.map(make, jobs) if message]
        for message in wrong:  # such as an instruction set that an old compiler does not know
            self.app.display_warning(f"not in this wheel: {message}")
        return [*sorted(folder.glob("*.so")), *self.modules(folder)]

    def modules(self, folder: Path) -> list[Path]:
        """The pages' modules of built-in cells, and their keys; nothing where their compiler is not installed."""
        from recurra.errors import ConfigError
        from recurra.page import module

        try:
            return module.write(folder)
        except ConfigError as error:
            self.app.display_warning(f"not in this wheel: {error}")
            return []
