"""The whole stack on one machine, without containers: install, start, watch, stop."""
