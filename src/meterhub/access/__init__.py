"""Who may do what: people, gateways, tokens, roles, and the log of what they did."""
