"""``python -m pellucid``, where the command ``pellucid`` is not on the path."""

from pellucid.commands.shell import main

if __name__ == "__main__":
    main()
