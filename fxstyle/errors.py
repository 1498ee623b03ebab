"""The one exception that stands for bad input: its message is all the user sees."""


class InputError(ValueError):
    """Input or configuration that cannot be used.

    The message is one clear sentence that names the file or key and the remedy. Command lines print it without a
    traceback and exit with code 2.
    """
