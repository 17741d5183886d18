"""Where a run's pictures go, PNG files in its folder and every logger that takes images; their account."""

from __future__ import annotations

import io
import logging
import traceback
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from lightning.pytorch.loggers import CometLogger, Logger, MLFlowLogger, TensorBoardLogger

from pellucid.callbacks.host import Host
from pellucid.callbacks.share import TimeShare
from pellucid.draw.formats import keep as keep_picture
from pellucid.draw.png import png, write_vectors
from pellucid.errors import first_line
from pellucid.explainer.base import Explainer
from pellucid.system.files import read_arrays, write_atomically

if TYPE_CHECKING:  # a run without views needs neither matplotlib nor tensorboard
    from torch.utils.tensorboard import SummaryWriter

    from pellucid.draw.sheet import Picture

log = logging.getLogger(__name__)
COUNTED = ("look/seconds/", "look/bytes/", "look/failed/")


class FigureLogger:
    """One a training, shared by its views: ``explainers`` by their names, ``share`` of time or None.

    ``formats``: those in which files are written beside PNG, pdf and svg.
    """

    def __init__(
        self,
        *,
        host: Host,
        seed: int,
        explainers: Mapping[str, Explainer],
        share: float | None = None,
        formats: Sequence[str] = (),
    ) -> None:
        self.formats = tuple(formats)
        self.host, self.seed, self.explainers = host, seed, dict(explainers)
        self.share = TimeShare(share)
        self._told: set[str] = set()
        self._left_out: dict[str, list[str]] = defaultdict(list)
        self._account: dict[str, float] = defaultdict(float)

    @property
    def folder(self) -> Path:
        """The folder of PNG files."""
        return self.host.figures

    def go_on(self, account: Mapping[str, Any]) -> None:
        """Count on from the account of a run that is resumed."""
        self.share.go_on(account)
        self._account.update({key: v for key, v in account.items() if key.startswith(COUNTED)})

    def leave_out(self, view: str, reason: str) -> None:
        """Note that a view does not apply to this net; told together when training starts."""
        self._left_out[reason].append(view)

    def forget(self, pattern: str) -> None:
        """Remove files of ``figures`` that an older training has kept for its later epochs."""
        for path in self.folder.glob(pattern):
            for suffix in ("", *(f".{name}" for name in self.formats)):
                (path.with_suffix(suffix) if suffix else path).unlink(missing_ok=True)

    def tell_left_out(self) -> None:
        """Say which views do not apply, and why."""
        if self._left_out:
            messages = [f"{', '.join(views)} ({reason})" for reason, views in self._left_out.items()]
            log.info("Not for this model: %s.", "; ".join(messages))
            self._left_out.clear()

    def keep(self, view: str, name: str, picture: Picture) -> bytes:
        """Write a picture to a file of ``figures``; the file's content."""
        content = png(picture)
        self._write(view, self.folder / name, content)
        self.spent(view, size=write_vectors(self.folder / name, picture, self.formats))
        keep_picture(self.folder / name, picture)
        return content

    def keep_arrays(self, view: str, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write arrays to a file of ``figures``, whole or not at all."""
        content = io.BytesIO()
        np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
        self._write(view, self.folder / name, content.getvalue())

    def arrays(self, name: str) -> dict[str, np.ndarray] | None:
        """The arrays in a file of ``figures``; None where there is none, or it cannot be read."""
        try:
            return read_arrays(self.folder / name)
        except (OSError, ValueError):
            return None

    def _write(self, view: str, path: Path, content: bytes) -> None:
        before = path.stat().st_size if path.exists() else 0
        write_atomically(path, content)
        self.spent(view, size=len(content) - before)

    def spent(self, view: str, *, seconds: float = 0.0, size: int = 0) -> None:
        """Add to a view's account."""
        for kind, amount in (("seconds", seconds), ("bytes", size)):
            self._account[f"look/{kind}/{view}"] += amount
            self._account[f"look/{kind}/total"] += amount
        self.share.spend(seconds)

    def failed(self, view: str, error: Exception) -> None:
        """Count a failure; the first of a view is told, each stands in the log file."""
        self._account[f"look/failed/{view}"] += 1
        if view not in self._told:
            self._told.add(view)
            log.warning(
                "The view %s could not be drawn (%s: %s).%s",
                view,
                type(error).__name__,
                first_line(error),
                " Training goes on; its failures are counted in metrics.json." if self.host.log_file else "",
            )
        if self.host.log_file is not None:
            with suppress(OSError), self.host.log_file.open("a", encoding="utf-8") as file:
                file.writelines(traceback.format_exception(error))

    def account(self) -> dict[str, float]:
        """Seconds, bytes and failures of each view, and what was left out, as ``metrics.json`` holds them."""
        counted = {
            key: round(value, 3) if key.startswith("look/seconds") else int(value)
            for key, value in sorted(self._account.items())
        }
        return {**counted, **self.share.account()}


def send(logger: Logger, tag: str, picture: Picture, content: bytes, step: int) -> bool:
    """Whether the logger takes pictures, and so has taken this one; ``content`` is its PNG file."""
    if isinstance(logger, TensorBoardLogger):
        _send_to_tensorboard(logger.experiment, tag, picture, content, step)
    elif callable(log_image := getattr(logger, "log_image", None)):  # as W&B's, which others have taken up
        log_image(key=tag, images=[picture], step=step)
    elif isinstance(logger, MLFlowLogger):
        logger.experiment.log_image(logger.run_id, picture, key=tag, step=step)
    elif isinstance(logger, CometLogger):
        logger.experiment.log_image(picture, name=tag, step=step)
    else:
        return False
    return True


def _send_to_tensorboard(
    writer: SummaryWriter, tag: str, picture: Picture, content: bytes, step: int
) -> None:
    """As ``add_image``, which would encode the picture once more."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    height, width = picture.shape[:2]
    image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=content)
    if writer.file_writer is None:  # closed since
        writer.add_image(tag, picture, step, dataformats="HWC")
    else:
        writer.file_writer.add_summary(Summary(value=[Summary.Value(tag=tag, image=image)]), step)


def tensorboards(loggers: Sequence[Logger]) -> list[TensorBoardLogger]:
    """Those that write TensorBoard's files."""
    return [logger for logger in loggers if isinstance(logger, TensorBoardLogger)]


def event_bytes(loggers: Sequence[Logger]) -> int:
    """The size of TensorBoard's event files, all that was sent so far in them."""
    total = 0
    for logger in tensorboards(loggers):
        logger.experiment.flush()
        total += sum(path.stat().st_size for path in Path(logger.log_dir).glob("events.out.tfevents.*"))
    return total
