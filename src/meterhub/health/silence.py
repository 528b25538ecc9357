"""From when on a gateway counts as silent."""

from datetime import timedelta

SILENT_GATEWAY = timedelta(hours=3)
