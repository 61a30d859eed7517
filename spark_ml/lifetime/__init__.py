"""When customers buy again and what they are worth: BG/NBD and Gamma-Gamma, by pymc-marketing."""
