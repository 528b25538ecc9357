"""One file a meter family, found by being there; `meterhub.wmbus.driver` says what a file holds."""
