"""An OpenAI-compatible endpoint on this machine, for examples that are run without a key.

What it answers is up to the example; this module knows how an answer looks on the wire.
"""

import itertools
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NUMBERS = itertools.count(1)


def serve(decide):
    """Starts the endpoint and returns its base URL.

    `decide` gets each request's body and returns text, or a list of tool calls as pairs of name and arguments.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(answer(request, decide(request))).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            """Say nothing; the example does."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/v1"


def answer(request, decision):
    """The body of a chat completion. A token is four characters, and what goes on was read from a cache."""
    message, reason = {"role": "assistant", "content": decision}, "stop"
    if not isinstance(decision, str):
        calls = [
            {
                "id": f"call_{len(request['messages'])}_{number}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for number, (name, arguments) in enumerate(decision)
        ]
        message, reason = {"role": "assistant", "content": None, "tool_calls": calls}, "tool_calls"
    prompt, completion = len(json.dumps(request)) // 4, len(json.dumps(message)) // 4
    return {
        "id": f"chatcmpl-{next(NUMBERS)}",
        "object": "chat.completion",
        "created": 0,
        "model": request["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": 128 if tool_results(request) else 0},
        },
    }


def tool_results(request):
    """What the tools said so far in this conversation."""
    return [message["content"] for message in request["messages"] if message["role"] == "tool"]
