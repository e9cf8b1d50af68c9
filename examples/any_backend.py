"""Runs to any OTLP back end, by OpenTelemetry's own variables.

    OTEL_EXPORTER_OTLP_ENDPOINT=https://collector.example.com python any_backend.py

Runs as it is: without that variable it starts a receiver of its own and shows what arrives there.
"""

import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import contextcompany as tcc


class Receiver(BaseHTTPRequestHandler):
    """Prints the spans of each OTLP/HTTP request."""

    def do_POST(self):
        request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
        for resource_spans in request.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    print(f"{self.path}: {span.name} ({len(span.attributes)} attributes)")
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        """Say nothing but the above."""


if "OTEL_EXPORTER_OTLP_ENDPOINT" not in os.environ:
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"

run = tcc.run(agent="support").prompt("What is your return policy?")
step = run.step(model="claude-sonnet-4-5").prompt("What is your return policy?")
step.response("30 days, unused.").tokens(uncached=210, completion=12).end()
run.response("You have 30 days.").end()

report = tcc.flush()
print(f"{report.delivered} delivered, {report.waiting} waiting, dropped: {report.dropped or 'none'}")
