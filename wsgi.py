"""The WSGI entry: ``gunicorn -c config/gunicorn.conf.py wsgi:application``."""

# Before anything else is imported: ssl and threading patched late end in RecursionError.
from gevent import monkey

monkey.patch_all()

from router.app import start  # noqa: E402

application = start()
