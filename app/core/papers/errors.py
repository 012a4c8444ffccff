"""What can be wrong with a shop's papers."""

from app.kernel.errors import Conflict, Invalid, NotFound


class PaperNotFound(NotFound):
    """No such paper, or none that you may see."""

    code = "paper_not_found"
    title = "Paper not found"


class PaperNumberInvalid(Invalid):
    """No paper of the kind has a number of this form and check character."""

    code = "paper_number_invalid"
    title = "The paper's number is not valid"


class PaperDateInvalid(Invalid):
    """The last day has passed, lies further ahead than such a paper runs, or is lacking; parameter ``years_max``."""

    code = "paper_date_invalid"
    title = "The paper's last day is not possible"


class PaperWaits(Conflict):
    """A paper of the kind waits for its review already."""

    code = "paper_waits"
    title = "A paper waits already"


class PaperRunOut(Conflict):
    """The paper ran out while it waited; nobody can approve it any more."""

    code = "paper_run_out"
    title = "The paper has run out"


class OwnPaper(Conflict):
    """Nobody reviews papers of a merchant that they belong to, or that they handed in."""

    code = "own_paper"
    title = "Another person has to review this"
