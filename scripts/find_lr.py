"""The command ``find_lr``; see ``--help``."""

from pellucid.commands.command import run_command

if __name__ == "__main__":
    run_command(__file__)
