"""A plugin for pytest, `-p helpers.sanitized_core`: kernels are compiled under the sanitizers that RECURRA_SANITIZE names.

The process needs their library loaded first: LD_PRELOAD of what `gcc -print-file-name=libasan.so` prints.
"""

import os

from recurra.backends.cpu import build

build.FLAGS = tuple(flag for flag in build.FLAGS if flag != "-O3")
build.FLAGS += ("-O1", "-g1", f"-fsanitize={os.environ['RECURRA_SANITIZE']}", "-fno-sanitize-recover=all")
