"""The shop's simulator and the replay of real files.

Pure, seeded modules make events; ``send`` alone talks to Kafka, ``shop`` alone to Postgres.
"""
