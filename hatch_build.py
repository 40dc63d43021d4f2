"""Builds the wheel with the compiled kernels when there is a C compiler, and without them if not.

Run as a program it builds the library into the source tree, for work on the kernels.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = "mergetool/tiebreak/weights/kernels"
IN_WHEEL = "tiebreak/weights/kernels/_kernels.so"
FLAGS = (
    "-O3",
    "-std=c11",
    "-fPIC",
    "-shared",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
)


class KernelsHook(BuildHookInterface[Any]):
    """Adds the library to the wheel, which is then for this platform only."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; a wheel without the library is complete as well, only slower."""
        if version == "editable":
            compile_kernels(self.root, os.path.join(self.root, FOLDER, "_kernels.so"))
            return
        self._folder = tempfile.mkdtemp(prefix="tiebreak-kernels-")
        library = os.path.join(self._folder, "_kernels.so")
        problem = compile_kernels(self.root, library)
        if problem is not None:
            self.app.display_warning(f"without compiled kernels, slower: {problem}")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["force_include"][library] = IN_WHEEL
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove the library, which is in the wheel by now."""
        if version != "editable":
            shutil.rmtree(self._folder, ignore_errors=True)


def compile_kernels(root: str, library: str) -> str | None:
    """Compile the kernels; what went wrong if they cannot be."""
    wanted = os.environ.get("CC", "cc")
    compiler = shutil.which(wanted.split()[0]) if wanted.strip() else None
    if compiler is None or os.name != "posix":
        return "no C compiler"
    source = os.path.join(root, FOLDER, "kernels.c")
    command = [compiler, *wanted.split()[1:], *FLAGS, source, "-o", library, "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stderr.splitlines() or [f"{compiler} ended with {done.returncode}"]
    return None if done.returncode == 0 else lines[0]


if __name__ == "__main__":
    ROOT = os.path.dirname(os.path.abspath(__file__))
    sys.exit(compile_kernels(ROOT, os.path.join(ROOT, FOLDER, "_kernels.so")))
