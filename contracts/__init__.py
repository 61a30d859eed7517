"""Names and shapes of the data, written once.

Everything else imports them or is rendered from them (``make render``). Standard library only,
so that every environment of the project can import this package.
"""
