"""The collector PC: reads frames from a radio dongle, keeps them on disk, uploads them to the hub."""
