"""Whether a net can be trained on images that grow, before it is."""

from __future__ import annotations

from pellucid.data.base import ImageData
from pellucid.errors import UserError, first_line
from pellucid.task.base import Task


def check_train_size(data: ImageData, task: Task, epochs: int | None) -> None:
    """Raise UserError where the net does not take images of all sizes that it would be trained on."""
    if data.train_size is None:
        return
    data.train_size.check(data.image_size)
    if not epochs or epochs < 1:
        raise UserError(
            f"data.train_size={data.train_size}: expected trainer.max_epochs, as images grow over so many "
            "epochs."
        )
    channels = data.spec.image_shape[0]
    asked = max(epochs, 2)  # of one epoch the first size is not used, and yet asked for
    for height, width in sorted({data.train_size.at(n, asked, data.image_size) for n in range(asked)}):
        try:
            task.check_takes((channels, height, width))
        except (UserError, AssertionError) as error:  # some nets assert their size
            reason = first_line(error).rstrip(".")
            if not isinstance(error, UserError):
                reason = f"{type(task.net).__name__} does not take images of {height} × {width}: {reason}"
            raise UserError(
                f"data.train_size={data.train_size}: {reason}. Leave it out, or take a net for images of any "
                "size, as model=resnet9."
            ) from error
