"""Many instances, each in a process of its own: solved, written, checked, measured."""

from __future__ import annotations

import json
import multiprocessing
import os
import tempfile
import zipfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.dispatch.checker import check_solution
from app.cli.dispatch.figures import Figures, figures_of
from app.cli.dispatch.instance import InstanceError, read_instance
from app.cli.dispatch.simulation import Simulation
from app.cli.dispatch.solution import write_solution
from app.core.dispatch.policies import POLICIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FILES = ("orders.txt", "couriers.txt", "restaurants.txt", "instance_parameters.txt")
ARCHIVE_BYTES_MAX = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One instance to be solved. ``out`` is where its files go, None for nowhere that is kept.

    :ivar over_http: through the API of a stack of its own, not in memory.
    """

    folder: Path
    policy: str
    refuse: float = 0.0
    seed: int = 0
    out: Path | None = None
    has_charts: bool = False
    over_http: bool = False


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What became of an instance: figures, or one line that says why there are none."""

    name: str
    orders: int = 0
    couriers: int = 0
    figures: Figures | None = None
    faults: list[str] = field(default_factory=list)
    refusals: int = 0
    tick_seconds: list[float] = field(default_factory=list)
    error: str | None = None


def find_instances(paths: Sequence[Path], scratch: Path) -> Iterator[Path]:
    """Yield the folders of the instances that ``paths`` name: an instance, a file of one, a folder or a zip of many.

    :param scratch: where archives are unpacked.
    :raises InstanceError: there is none.
    """
    for path in paths:
        folder = path
        if path.is_file() and path.name in FILES:
            folder = path.parent
        elif path.is_file():
            folder = _unpacked(path, scratch)
        elif not path.is_dir():
            raise InstanceError(f"{path}: there is no such folder or file")
        found = [folder] if _is_instance(folder) else sorted(one for one in folder.rglob("*") if _is_instance(one))
        if not found:
            raise InstanceError(f"{path}: there is no instance in it: none of {', '.join(FILES)}")
        yield from found


def _is_instance(folder: Path) -> bool:
    return folder.is_dir() and any((folder / file).is_file() for file in FILES)


def _unpacked(path: Path, scratch: Path) -> Path:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(one.file_size for one in archive.infolist()) > ARCHIVE_BYTES_MAX:
                raise InstanceError(f"{path}: it holds more than {ARCHIVE_BYTES_MAX:,} bytes")
            folder = Path(tempfile.mkdtemp(dir=scratch))
            archive.extractall(folder)
    except (zipfile.BadZipFile, NotImplementedError, OSError, RuntimeError):
        raise InstanceError(f"{path}: neither a folder, nor a file of an instance, nor a readable zip") from None
    return folder


def solve(task: Task) -> Outcome:
    """Solve, write, check and measure one instance. What is wrong with it is told, not raised."""
    try:
        instance = read_instance(task.folder)
    except InstanceError as error:
        return Outcome(name=task.folder.resolve().name, error=str(error))
    if task.over_http:
        from app.cli.dispatch.live.solve import FAILURES, solve_over_http  # noqa: PLC0415 - a whole stack

        try:
            solution = solve_over_http(instance, POLICIES[task.policy](), seed=task.seed, refuse=task.refuse)
        except FAILURES as error:
            return Outcome(name=instance.name, error=f"the stack failed: {error}")
    else:
        solution = Simulation(instance, POLICIES[task.policy](), refuse=task.refuse, seed=task.seed).run()
    with tempfile.TemporaryDirectory(prefix="linli-replay-") as scratch:
        out = task.out or Path(scratch)
        try:
            write_solution(solution, out)
        except OSError as error:
            return Outcome(name=instance.name, error=f"{out} cannot be written: {error.strerror}")
        faults = check_solution(task.folder, out)
    figures = figures_of(solution)
    if task.out is not None:
        measured = {"instance": instance.name, "policy": task.policy, "seed": task.seed, "refuse": task.refuse}
        measured["way"] = "over HTTP" if task.over_http else "in memory"
        text = json.dumps({**measured, **asdict(figures), "faults": faults}, indent=2, allow_nan=True)
        (task.out / "figures.json").write_text(text + "\n", encoding="utf-8")
    if task.out is not None and task.has_charts:
        from app.cli.dispatch.charts import draw_charts  # noqa: PLC0415 - matplotlib is heavy

        draw_charts(solution, task.out)
    return Outcome(
        name=instance.name,
        orders=len(instance.wishes),
        couriers=len(instance.duties),
        figures=figures,
        faults=faults,
        refusals=solution.refusals,
        tick_seconds=solution.tick_seconds,
    )


def solve_all(tasks: Sequence[Task]) -> Iterator[tuple[int, Outcome]]:
    """Yield the outcome of each task with its place in ``tasks``, as they come, from as many processes as cores."""
    if len(tasks) == 1 or any(task.over_http for task in tasks):  # a stack has processes enough of its own
        yield from ((place, solve(task)) for place, task in enumerate(tasks))
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(len(tasks), os.cpu_count() or 1), mp_context=spawn, initializer=_one_thread) as pool:
        places = {pool.submit(solve, task): place for place, task in enumerate(tasks)}
        for future in as_completed(places):
            yield places[future], future.result()


def _one_thread() -> None:
    """Leave the cores to the processes: numpy's own threads would fight for them."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = "1"
