"""Train any model on any data set: ``python train.py model=xai data=catdog``. See ``--help``."""

from pellucid.commands.command import run_command

if __name__ == "__main__":
    run_command(__file__)
