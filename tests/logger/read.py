"""What services hold of a run, read back from their files on the disk."""

from __future__ import annotations

import json
import struct
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

BLOCK, HEAD = 32768, 7  # bytes of a block of LevelDB's log, in which W&B keeps records, and before a part


@dataclass
class Seen:
    """A run as a service has it: values by name and step, and the names of pictures by step."""

    name: str = ""
    group: str | None = None
    status: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, dict[int, float]] = field(default_factory=dict)
    pictures: list[tuple[str, int]] = field(default_factory=list)

    def add(self, name: str, step: int, value: float) -> None:
        self.metrics.setdefault(name, {})[step] = value


def wandb_runs(folder: Path) -> list[Seen]:
    """The runs of W&B's offline files, in order of their beginning."""
    return [_wandb_run(path) for path in sorted(folder.glob("wandb/offline-run-*/run-*.wandb"))]


def _wandb_run(path: Path) -> Seen:
    Record: Any = import_module("wandb.proto.wandb_internal_pb2").Record

    seen = Seen()
    for content in _records(path.read_bytes()):
        record = Record.FromString(content)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            seen.name, seen.group = record.run.display_name, record.run.run_group or None
        elif kind == "config":
            for item in record.config.update:
                seen.parameters[item.key or ".".join(item.nested_key)] = json.loads(item.value_json)
        elif kind == "exit":
            seen.status = "finished" if record.exit.exit_code == 0 else "failed"
        elif kind == "history":
            items = {
                item.key or "\n".join(item.nested_key): json.loads(item.value_json)
                for item in record.history.item
            }
            step = items["trainer/global_step"]
            for key, value in items.items():
                name, _, part = key.partition("\n")  # of a picture its kind, file, size and count
                if part == "count":
                    seen.pictures += [(name, step)] * value
                elif not part and not key.startswith(("_", "trainer/")):
                    seen.add(key, step, value)
    return seen


def _records(content: bytes) -> Iterator[bytes]:
    parts, position = b"", HEAD  # of the file: W&B's name and version
    while position + HEAD <= len(content):
        if BLOCK - position % BLOCK < HEAD:
            position += BLOCK - position % BLOCK
            continue
        _, size, kind = struct.unpack_from("<IHB", content, position)
        parts += content[position + HEAD : position + HEAD + size]
        position += HEAD + size
        if kind in (1, 4):  # whole, or its last part
            yield parts
            parts = b""


def mlflow_runs(database: Path) -> dict[str, list[Seen]]:
    """The runs of each experiment of MLflow's database, in order of their beginning."""
    from mlflow.tracking import MlflowClient

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLflow's own use of SQLAlchemy
        client = MlflowClient(f"sqlite:///{database}")
        found = {}
        for experiment in client.search_experiments():
            runs = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"])
            found[str(experiment.name)] = [_mlflow_run(client, run) for run in runs]
    return found


def _mlflow_run(client: Any, run: Any) -> Seen:
    seen = Seen(name=run.info.run_name, status=run.info.status, parameters=run.data.params)
    for name in run.data.metrics:
        for point in client.get_metric_history(run.info.run_id, name):
            seen.add(name, point.step, point.value)
    for file in client.list_artifacts(run.info.run_id, "images"):
        name = Path(file.path).name.replace("%", "+")
        if name.endswith(".png"):  # beside it is a small copy
            tag, step = name.split("+step+")
            seen.pictures.append((tag.replace("#", "/").replace("~", "/"), int(step.split("+")[0])))
    return seen


def comet_runs(folder: Path) -> list[Seen]:
    """The archives of Comet's offline experiments, in order of their writing."""
    paths = sorted(folder.glob("comet/*.zip"), key=lambda path: path.stat().st_mtime_ns)
    return [_comet_run(path) for path in paths]


def _comet_run(path: Path) -> Seen:
    seen = Seen()
    with zipfile.ZipFile(path) as archive:
        lines = archive.read("messages.json").splitlines()
        files = set(archive.namelist())
    for message in map(json.loads, lines):
        payload, kind = message.get("payload", message), message["type"]
        if kind == "log_other" and payload["key"] in ("Name", "status"):
            key = {"Name": "name", "status": "status"}[payload["key"]]
            setattr(seen, key, payload["value"])
        elif kind == "parameter_msg" and payload["param"]["source"] == "manual":
            seen.parameters[payload["param"]["paramName"]] = payload["param"]["paramValue"]
        elif kind == "metric_msg" and payload["metric"]["step"] is not None:
            metric = payload["metric"]
            seen.add(metric["metricName"], metric["step"], metric["metricValue"])
        elif payload.get("upload_type") == "visualization":
            assert payload["file_path"] in files
            options = payload["additional_params"]
            seen.pictures.append((options["figName"], options["step"]))
    return seen


def trackio_runs(folder: Path, project: str = "pellucid") -> list[Seen]:
    """The runs of a project in Trackio's folder, in order of their beginning."""
    from trackio.sqlite_storage import SQLiteStorage

    found = []
    for run in SQLiteStorage.get_run_records(project):
        config = SQLiteStorage.get_run_config(project, run["name"])
        seen = Seen(name=run["name"], group=config["_Group"], parameters=config)
        for row in SQLiteStorage.get_logs(project, run["name"]):
            for key, value in row.items():
                if isinstance(value, dict) and value.get("_type") == "trackio.image":
                    assert (folder / "media" / value["file_path"]).is_file()
                    seen.pictures.append((key, row["step"]))
                elif isinstance(value, int | float) and key != "step":
                    seen.add(key, row["step"], value)
        found.append(seen)
    return found
