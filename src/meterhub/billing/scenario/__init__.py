"""JSON scenarios in, answers out: the edge of the calculation for `meterhub bill`."""
