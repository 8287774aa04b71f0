"""`python -m recurra.studio`: the same as `recurra studio`."""

import sys

from recurra.cli import main

main(["studio", *sys.argv[1:]])
