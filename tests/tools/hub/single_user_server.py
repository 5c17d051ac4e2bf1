"""The least that JupyterHub takes for a person's server: it answers, and writes down what the hub told it."""

import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import urlsplit


class Handler(BaseHTTPRequestHandler):
    """Answers everything."""

    def do_GET(self):
        """Say that it is here."""
        self.send_response(200)
        self.send_header("X-JupyterHub-Version", "5")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


told = {name: value for name, value in os.environ.items() if name.startswith("JUPYTERHUB_")}
Path(os.environ["JUPYTERHUB_USER"] + ".json").write_text(json.dumps(told))
HTTPServer(("127.0.0.1", urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"]).port), Handler).serve_forever()
