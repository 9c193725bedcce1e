"""A small receiver of webhooks: what somebody else's service would be."""

import hashlib
import hmac
import http.server
import json
import threading
import time

MOST_SECONDS_APART = 300


class Receiver:
    """Listens on a free port of this machine, checks every signature, and refuses the first
    delivery of some documents, as a service does that is overloaded."""

    def __init__(self, secret, refuses_first):
        self.url = ""
        self.documents = {}
        self.refused = 0
        self.bad_signatures = 0
        self._secret = secret.encode()
        self._refuses_first = refuses_first
        self._seen = set()
        self._lock = threading.Lock()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/photographs"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _is_signed(self, header, body):
        """Whether the header is the one that README.md of the tasks describes."""
        parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
        if not parts.get("t", "").isdigit():
            return False
        if abs(time.time() - int(parts["t"])) > MOST_SECONDS_APART:
            return False
        right = hmac.new(self._secret, parts["t"].encode() + b"." + body, hashlib.sha256)
        return hmac.compare_digest(right.hexdigest(), parts.get("v1", ""))

    def _status_for(self, headers, body):
        with self._lock:
            if not self._is_signed(headers.get("Millrace-Signature", ""), body):
                self.bad_signatures += 1
                return 401
            delivery, document = headers["Millrace-Delivery"], json.loads(body)
            first = delivery not in self._seen
            self._seen.add(delivery)
            if first and self._refuses_first(document):
                self.refused += 1
                return 503
            # A repetition of a document that is here already changes nothing.
            self.documents[delivery] = document
            return 204

    def _handler(self):
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """Answers one request."""

            def do_POST(self):  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                # pylint: disable-next=protected-access
                self.send_response(receiver._status_for(self.headers, body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                """The demo tells what happens by the server's own events."""

        return Handler
