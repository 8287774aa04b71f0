"""`python -m recurra` is `recurra`; torchrun starts it this way."""

from recurra.cli import main

if __name__ == "__main__":
    main()
