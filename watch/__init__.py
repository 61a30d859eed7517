"""How the stack is doing: readings of every part in Prometheus' format, a live page, and what is alarming about them."""
