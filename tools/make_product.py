"""Compile the page's matrix product (product.c) to WebAssembly, and store it as static/product.js.

    pip install ziglang==0.17.1 && python tools/make_product.py [--check]

A compiler of 100 MB for three kilobytes: what it makes is stored, and `--check` fails if it would differ.
"""

from __future__ import annotations

import argparse
import base64
import subprocess
import sys
import tempfile
from pathlib import Path

EXPLORER = Path(__file__).resolve().parent.parent / "src" / "implicit_tutorial" / "explorer"
SOURCE, STORED = EXPLORER / "product.c", EXPLORER / "static" / "product.js"
FLAGS = [
    "-O3",
    "-msimd128",
    "-nostdlib",
    "-target",
    "wasm32-freestanding",
    "-Wl,--no-entry,--import-memory,--export-dynamic,--strip-all,-z,stack-size=16384",
]

SCRIPT = """\
/* product.c, compiled by tools/make_product.py: products of matrices in WebAssembly, for program.js. */

var implicitProduct = (function product() {{
  "use strict";

  const CODE = "{code}";

  let module = null; // stays null where the browser cannot have it
  try {{
    module = new WebAssembly.Module(Uint8Array.from(atob(CODE), (c) => c.charCodeAt(0)));
  }} catch (error) {{
    console.info(`Matrix products run in plain JavaScript: ${{error.message}}`);
  }}

  return {{
    product,
    works: module !== null,
    /** The product {{f8}} on a memory; the first page of it is theirs. */
    on: (memory) => new WebAssembly.Instance(module, {{ env: {{ memory }} }}).exports,
  }};
}})();
"""


def compiled() -> str:
    """The text of product.js."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "product.wasm"
        subprocess.run([sys.executable, "-m", "ziglang", "cc", *FLAGS, "-o", target, SOURCE], check=True)
        return SCRIPT.format(code=base64.b64encode(target.read_bytes()).decode("ascii"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the stored one differs")
    text = compiled()
    if parser.parse_args().check:
        sys.exit(text != STORED.read_text("utf-8") and f"{STORED} is not what {SOURCE} compiles to")
    STORED.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
