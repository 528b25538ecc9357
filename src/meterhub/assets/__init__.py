"""Registers: properties, metering points, meters, installations, customers, contracts, keys."""
