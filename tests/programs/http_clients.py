"""http_clients.py PORT: 100 clients at once, 20 requests each over one connection, each answer compared."""
import http.client
import sys
import threading

from http_content import content

CLIENTS = 100
REQUESTS = 20

lock = threading.Lock()
all_connected = threading.Barrier(CLIENTS)
right = connections = received = 0


def ask(client):
    global right, connections, received
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
    connection.connect()
    own_socket = connection.sock
    all_connected.wait()
    for request in range(REQUESTS):
        number = client * REQUESTS + request
        connection.request("GET", f"/{number}")
        body = connection.getresponse().read()
        with lock:
            right += body == content(number)
            received += len(body)
    with lock:
        connections += 1 if connection.sock is own_socket else REQUESTS  # kept alive
    connection.close()


threads = [threading.Thread(target=ask, args=(client,)) for client in range(CLIENTS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(f"{right} of {CLIENTS * REQUESTS} answers right over {connections} connections, {received} bytes")
