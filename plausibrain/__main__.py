"""`python -m plausibrain` is the command `plausibrain`."""

from plausibrain.cli import main

main()
