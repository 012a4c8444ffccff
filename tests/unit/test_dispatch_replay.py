"""Whole days in memory: feasible, the same for the same seed, and what is no instance said in one line."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from app.cli import main
from app.cli.dev.simulate.evening import make_evening
from app.cli.dispatch.checker import check_solution
from app.cli.dispatch.figures import figures_of, means_of, percentile
from app.cli.dispatch.instance import write_instance
from app.cli.dispatch.replay import outs_of
from app.cli.dispatch.simulation import Simulation
from app.cli.dispatch.solution import ASSIGNMENTS, COURIERS, ORDERS, write_solution
from app.cli.dispatch.study import Task, solve
from app.core.dispatch.policies import POLICIES

if TYPE_CHECKING:
    from app.cli.dispatch.instance import Instance


@pytest.fixture(scope="module")
def evening() -> Instance:
    return make_evening(7, 80)


def solved(instance: Instance, folder: Path, policy: str = "batch", refuse: float = 0.0) -> Path:
    write_solution(Simulation(instance, POLICIES[policy](), refuse=refuse).run(), folder / "out")
    write_instance(instance, folder / "in")
    return folder


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("refuse", [0.0, 0.3])
def test_every_policy_makes_a_day_that_can_be_driven(
    evening: Instance, tmp_path: Path, policy: str, refuse: float
) -> None:
    folder = solved(evening, tmp_path, policy, refuse)

    assert check_solution(folder / "in", folder / "out") == []


def test_batch_is_faster_and_fairer_than_the_hall(evening: Instance) -> None:
    batch = figures_of(Simulation(evening, POLICIES["batch"]()).run())
    hall = figures_of(Simulation(evening, POLICIES["hall"]()).run())

    assert batch.click_to_door < hall.click_to_door
    assert batch.ready_to_pick_up < hall.ready_to_pick_up
    assert batch.gini < hall.gini
    assert batch.undelivered_percent == 0


def test_the_same_seed_gives_the_same_day_and_another_another(evening: Instance) -> None:
    days = [Simulation(evening, POLICIES["batch"](), refuse=0.3, seed=seed).run().trips for seed in (1, 1, 2)]

    assert days[0] == days[1]
    assert days[0] != days[2]


@pytest.fixture(scope="module")
def sound(evening: Instance, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return solved(evening, tmp_path_factory.mktemp("sound"))


def changed(path: Path, column: int, value: str) -> None:
    """Set a cell of the first row below the header."""
    header, first, *rows = path.read_text().splitlines()
    cells = first.split()
    cells[column] = value
    path.write_text("\n".join([header, " ".join(cells), *rows]) + "\n")


@pytest.mark.parametrize(
    "file,column,value,words",
    [
        (ASSIGNMENTS, 1, "1", "before it was ready"),
        (ASSIGNMENTS, 1, "1", "never came to pick up"),
        (ASSIGNMENTS, 0, "1", "before it was placed"),
        (ASSIGNMENTS, 2, "nobody", "in the assignments"),
        (ASSIGNMENTS, 3, "o999", "o999 is not of this instance"),
        (ORDERS, 5, "1", "acts at o"),
        (ORDERS, 6, "nan", "in the assignments"),
        (COURIERS, 1, "1", "but comes there at"),
        (COURIERS, 2, "o1", "but is at"),
    ],
)
def test_the_checker_sees_a_forged_solution(  # noqa: PLR0917 - the columns of the table above
    sound: Path, tmp_path: Path, file: str, column: int, value: str, words: str
) -> None:
    folder = shutil.copytree(sound, tmp_path / "forged")

    changed(folder / "out" / file, column, value)

    faults = check_solution(folder / "in", folder / "out")
    assert any(words in fault for fault in faults)


def test_the_checker_sees_an_order_assigned_twice_and_one_left_out(sound: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(sound, tmp_path / "forged")
    assignments, orders = folder / "out" / ASSIGNMENTS, folder / "out" / ORDERS
    lines = assignments.read_text().splitlines()
    assignments.write_text("\n".join([*lines, lines[1]]) + "\n")
    orders.write_text("\n".join(orders.read_text().splitlines()[:-1]) + "\n")

    faults = check_solution(folder / "in", folder / "out")

    assert any("was assigned 2 times" in fault for fault in faults)
    assert any("is missing from the orders" in fault for fault in faults)


def test_replay_prints_figures_writes_files_and_draws(evening: Instance, tmp_path: Path) -> None:
    write_instance(replace(evening, wishes=evening.wishes[:40]), tmp_path / "many" / "i0")

    run = CliRunner().invoke(
        main, ["dispatch", "replay", str(tmp_path / "many" / "i0"), "--out", str(tmp_path / "out"), "--in-memory"]
    )

    assert run.exit_code == 0, run.output
    assert "FEASIBLE: 1 of 1" in run.output
    written = {path.name for path in (tmp_path / "out" / "i0").iterdir()}
    assert written == {ASSIGNMENTS, ORDERS, COURIERS, "figures.json", "waiting.png", "couriers.png", "map.png"}


def test_one_bad_instance_of_many_is_named_and_the_others_are_solved(evening: Instance, tmp_path: Path) -> None:
    for place in range(3):
        write_instance(replace(evening, wishes=evening.wishes[:20]), tmp_path / "many" / f"i{place}")
    (tmp_path / "many" / "i1" / "couriers.txt").unlink()
    archive = tmp_path / "many.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in sorted((tmp_path / "many").rglob("*.txt")):
            zipped.write(path, path.relative_to(tmp_path))
    shutil.rmtree(tmp_path / "many")

    run = CliRunner().invoke(
        main, ["dispatch", "replay", str(archive), "--in-memory", "--charts", "0", "--out", str(tmp_path / "out")]
    )

    assert run.exit_code == 1
    assert "mean of 2" in run.output
    [line] = [line for line in run.stderr.splitlines() if line.startswith("i1:")]
    assert "couriers.txt cannot be read" in line


def test_a_day_that_nobody_is_on_shift_for_is_told_and_delivers_nothing(tmp_path: Path) -> None:
    day = make_evening(7, 5)
    nobody = replace(day, duties=(replace(day.duties[0], on_minute=0, off_minute=1),))
    write_instance(nobody, tmp_path / "noon")

    run = CliRunner().invoke(
        main, ["dispatch", "replay", str(tmp_path / "noon"), "--in-memory", "--charts", "0", "--out", str(tmp_path)]
    )

    assert run.exit_code == 0, run.output
    assert "0 ticks: nobody was on shift for any order" in run.output
    assert "100.00" in run.output


def test_namesakes_do_not_overwrite_each_other() -> None:
    folders = [Path("monday/noon"), Path("tuesday/noon"), Path("wednesday/noon"), Path("wednesday/noon-2")]

    outs = outs_of(folders, Path("out"))

    assert outs == [Path("out/noon"), Path("out/noon-2"), Path("out/noon-3"), Path("out/noon-2-2")]


def test_where_nothing_can_be_written_that_is_said_in_a_line(tmp_path: Path) -> None:
    write_instance(make_evening(7, 5), tmp_path / "noon")
    (tmp_path / "file").touch()

    outcome = solve(Task(folder=tmp_path / "noon", policy="batch", out=tmp_path / "file" / "noon"))

    assert outcome.error == f"{tmp_path / 'file' / 'noon'} cannot be written: Not a directory"


@pytest.mark.parametrize(
    "make,words",
    [
        (lambda folder: folder / "nothing", "no such folder or file"),
        (lambda folder: folder, "there is no instance in it"),
        (lambda folder: folder / "text.txt", "neither a folder"),
    ],
)
def test_what_is_no_instance_is_refused_in_one_line(tmp_path: Path, make: object, words: str) -> None:
    (tmp_path / "text.txt").write_text("hello")

    run = CliRunner().invoke(main, ["dispatch", "replay", str(make(tmp_path))])  # type: ignore[operator]

    assert run.exit_code == 1
    assert words in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_a_percentile_lies_between_its_neighbors() -> None:
    assert percentile([1, 2, 3, 4, 5], 0.5) == 3
    assert percentile([10, 20], 0.9) == pytest.approx(19)


def test_the_margin_of_a_mean_shrinks_with_the_instances(evening: Instance) -> None:
    one = figures_of(Simulation(replace(evening, wishes=evening.wishes[:30]), POLICIES["batch"]()).run())
    other = replace(one, click_to_door=one.click_to_door + 2)

    few, many = means_of([one, other]), means_of([one, other] * 8)

    assert few["click_to_door"].mean == many["click_to_door"].mean == one.click_to_door + 1
    assert 0 < (many["click_to_door"].margin or 0) < (few["click_to_door"].margin or 0)
    assert means_of([one])["click_to_door"].margin is None
