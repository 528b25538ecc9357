"""Gateways as a fleet: enrolment, state, settings, who hears which meter how well, and alarms about it."""
