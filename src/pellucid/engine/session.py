"""Train a net: from a checked configuration to a finished run folder."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pellucid.engine.page import WritePage
from pellucid.engine.recorder import Watch
from pellucid.engine.training import Training
from pellucid.engine.trial import TrialContext
from pellucid.errors import UserError, without_secrets
from pellucid.run.folder import Run
from pellucid.system.console import add_to_log, start_logging, stop_logging
from pellucid.system.files import remove_leftovers
from pellucid.system.interrupt import last_words
from pellucid.system.process import as_user_error, is_of_launcher, process_group, quiet_warnings, signals


def train(
    config: Mapping[str, Any],
    folder: Path,
    *,
    resume: bool = False,
    trial: TrialContext | None = None,
    page: WritePage | None = None,
    watch: Watch | None = None,
) -> dict[str, Any]:
    """Train, test the best checkpoint, and record all in ``folder``; the content of metrics.json.

    ``resume`` continues from the folder's last checkpoint. Raises UserError for what the user can mend; a
    run that has not yet trained then leaves nothing behind. Ctrl-C and SIGTERM end in SystemExit.
    As a ``trial`` of a sweep it is quiet, its folder stays also when it fails, and it may be pruned.
    ``page`` writes the page of a run that has ended, where the configuration wants one; ``watch`` is told of
    the metrics after each epoch.
    """
    main = int(os.environ.get("LOCAL_RANK", 0)) == 0
    run = Run(folder.absolute())
    run.folder.mkdir(parents=True, exist_ok=True)
    if main:
        run.lock()
        remove_leftovers(run.folder)
    level = logging.INFO if main and trial is None else logging.WARNING if main else None
    start_logging(run.log if main else None, console_level=level)
    session = Training(config, run, main=main, resume=resume, trial=trial, page=page, watch=watch)
    try:
        with signals() as received, last_words(session.interrupted), quiet_warnings(), process_group():
            try:
                session.execute()
            except (KeyboardInterrupt, SystemExit):
                if not received:
                    raise
                session.interrupted()
                raise SystemExit(128 + received[0]) from None
        session.close("pruned" if session.pruning and session.pruning.pruned else "finished")
        session.write_later()
    except BaseException as error:
        if is_of_launcher(error):
            session.close("interrupted")
        if is_of_launcher(error) or isinstance(error, SystemExit):
            raise
        wrapped = as_user_error(error)
        if isinstance(wrapped, UserError) and not session.has_trained() and trial is None:
            session.finish_loggers("failed")
            stop_logging()
            if main and not resume:
                run.discard()
        else:
            with suppress(OSError, UserError):  # a full disk, a folder that is gone: which is what is told
                if main and (trial or not isinstance(wrapped, UserError)):
                    add_to_log(run.log, traceback.format_exc())
                line = f"{type(wrapped).__name__}: {wrapped}".splitlines()[0]
                session.close("failed", error=without_secrets(line))
        if wrapped is error:
            raise
        raise wrapped from error
    finally:
        stop_logging()
        run.unlock()
    return run.metrics()
