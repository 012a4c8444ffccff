"""The web application for any WSGI server: ``granian --interface wsgi wsgi:app``, ``gunicorn wsgi:app``.

What is alive once the application stands lives as long as the process: the collector need not look at it again, and it
looks less often, for a request leaves few cycles behind.
"""

import gc

from app import create_app

app = create_app()

gc.collect()
gc.freeze()
gc.set_threshold(10_000, 20, 50)
