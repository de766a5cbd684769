"""The one exception that is meant for the person at the keyboard."""


class UserError(Exception):
    """A mistake that the user can mend.

    The message is one sentence that names the key or file and the remedy. Scripts print it without a
    traceback and exit with code 2.
    """
