"""What the server of http_server.py sends, and its clients expect."""


def content(number):
    """From nothing to 200 kB: answers that fit a socket's buffer and answers that do not."""
    return b"%d-" % number * (number * number % 50000)
