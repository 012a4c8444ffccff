"""What the worker does with the bank: payouts by themselves, files out, files in."""

from collections.abc import Callable
from pathlib import Path

from app.adapters.bank_folder import put_out, take_in
from app.settings import Settings
from app.usecases.settling.bank import files_to_write, make_batch, mark_written, take_answers
from app.usecases.settling.pay_out import pay_out_automatically

LIMIT = 200


def bank_work(settings: Settings) -> Callable[[], int]:
    """Return what looks after the bank's folder; without one there is nothing to do."""

    def bank() -> int:
        return 0 if settings.bank_dir is None else look_after_bank(Path(settings.bank_dir))

    return bank


def look_after_bank(folder: Path) -> int:
    """Do one round; return how much was done."""
    done = pay_out_automatically(LIMIT) + make_batch()
    for file in files_to_write():
        put_out(folder, file.name, file.content)
        mark_written(file.batch_id)
        done += 1
    return done + take_in(folder, take_answers)
