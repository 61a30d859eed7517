"""What stops a batch step."""


class LakeError(RuntimeError):
    """A step of the batch side cannot go on; the message is one line that names what and where."""


def one_line(error: BaseException) -> str:
    """The first line of an error's message, after its type."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
