"""ClickHouse's HTTP interface in front of the embedded engine chDB.

One process owns the data directory; every other program talks to it as to a ClickHouse server. Modules by what they know:

``config``       sizes, limits and paths, from the settings
``engine``       the embedded engine: its configuration, its connections, its errors
``statements``   where a statement's data, FORMAT and SETTINGS begin, and what is refused
``request``      one HTTP request: parameters, credentials, body
``accounts``     who may come in
``compression``  Content-Encoding in both directions
``sessions``     connections that outlive a request
``execution``    one query from connection to bytes
``app``          the ASGI application that joins them
``profiles``     what the two accounts may use
``guard``        what neither account may say
``native``       the same settings for a real ``clickhouse server``
"""
