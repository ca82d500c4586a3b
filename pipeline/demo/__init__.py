"""Stand-ins for the paid services: real sockets, real wire formats, no money.

Importing this package loads nothing; `pipeline.demo.stand_ins` loads aiohttp.
"""
