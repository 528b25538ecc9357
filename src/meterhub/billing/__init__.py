"""From meter readings to priced, taxed documents; see README.md for what it owns."""
