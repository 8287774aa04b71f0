"""Why a request is refused: an HTTP status and words."""

from recurra.errors import RecurraError


class Refused(RecurraError):
    """A request that is not answered: `raise Refused(404, "there is no run `x`")`."""

    def __init__(self, status: int, words: str):
        super().__init__(words)
        self.status = status
