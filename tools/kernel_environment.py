"""What the kernels that run notebooks find around them, here and wherever a notebook is run for keeps."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def kernel_environment() -> dict[str, str]:
    """Variables under which the outputs of a notebook depend on its code alone.

    Explorers in their static form, one thread; and a folder of their own in the place of the user's IPython
    start-up files. It also keeps the kernels silent about their sockets, which never leave this machine.
    """
    folder = ROOT / "_build" / ".ipython"
    config = folder / "profile_default" / "ipython_kernel_config.py"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text('get_config().IPKernelApp.log_level = "ERROR"\n')
    return {
        "IMPLICIT_TUTORIAL_LIVE": "0",
        "IPYTHONDIR": str(folder),
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
