"""What can go wrong with registers and keys beyond the errors that all modules share."""

from meterhub.errors import NotConfigured


class MasterKeyWrong(NotConfigured):
    """The master key is not the one under which a meter key was sealed, or the row was tampered with."""

    code = "master-key-wrong"
