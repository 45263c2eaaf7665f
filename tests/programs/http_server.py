"""A ThreadingHTTPServer and 100 keep-alive clients, which are another, plain process (http_clients.py)."""
import http.server
import os
import subprocess
import sys
import threading

from http_content import content


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections stay open

    def do_GET(self):
        body = content(int(self.path[1:]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 200


def plain_environment():
    """Without what evergreen put there, so that the clients run natively."""
    return {name: value for name, value in os.environ.items()
            if name != "LD_PRELOAD" and not name.startswith("EVERGREEN")}


def main():
    with Server(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        clients = os.path.join(os.path.dirname(os.path.abspath(__file__)), "http_clients.py")
        with subprocess.Popen([sys.executable, clients, str(server.server_address[1])], stdout=subprocess.PIPE,
                              env=plain_environment()) as process:
            sys.stdout.buffer.write(process.stdout.read())
        print("clients ended with", process.returncode)
        server.shutdown()
        serving.join()


main()
