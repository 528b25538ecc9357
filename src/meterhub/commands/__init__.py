"""One file a sub-command; each offers a Typer `app`. See `meterhub.cli`."""
