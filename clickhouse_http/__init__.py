"""ClickHouse's HTTP interface in front of the embedded engine chDB.

One process owns the data directory; every other program talks to it as to a ClickHouse server. Modules by what they know:

``config``         sizes, limits and paths, from the settings
``profiles``       what the two accounts may use, and the server's limits
``engine_config``  the embedded engine's configuration files
``engine``         the embedded engine and its connections
``statements``     where a statement's data, FORMAT and SETTINGS begin
``guard``          what neither account may say
``request``        one HTTP request: parameters, settings, database
``body``           its body: SQL, rows, tables sent along
``accounts``       who may come in
``compression``    Content-Encoding in both directions
``sessions``       connections that outlive a request
``overlay``        settings and database that come with a request
``execution``      one query from connection to bytes
``app``            the ASGI application that joins them
``errors``         ClickHouse's codes and their HTTP status
``native``         the same settings for a real ``clickhouse server``
"""
