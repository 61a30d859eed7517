"""Messages about the batch side: what is said, how it is sent, and who hears of a failure."""
