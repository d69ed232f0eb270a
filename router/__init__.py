"""Open-LLM Router: a self-hosted gateway between OpenAI-style clients and LLM providers.

The package is built in floors; a module imports only from lower floors or its own
package (``tests/test_floors.py`` holds this)::

    7  cli
    6  web
    5  upstream   observe   auth      never import one another
    4  routing
    3  config     state
    2  providers
    1  formats
    0  canonical  errors

``app`` stands beside the floors: it wires them together, and only ``wsgi.py`` and
``cli`` import it.
"""

__version__ = "0.1.0"
