"""`python -m meterhub`."""

from meterhub.cli import main

main()
