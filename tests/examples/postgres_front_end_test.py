"""More clients than connections ask a real PostgreSQL, some of them slowly; one whose query is wrong is told so."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools/bench"))

import databases  # noqa: E402
from example import Example, main  # noqa: E402


WAIT = b"do $$ begin while not exists (select from done) loop perform pg_sleep(0.01); end loop; end $$\n"


def answer(stream):
    """The lines up to the empty one."""
    return list(iter(lambda: stream.readline().rstrip("\n"), ""))


class PostgresFrontEnd(unittest.TestCase):
    def test_clients_share_the_connections(self):
        with databases.Postgres() as server, Example("0", server.address) as program:
            clients = [program.connect() for _ in range(8)]
            for number, client in enumerate(clients):
                client.sendall(f"select {number}, pg_sleep(0.1), 'x'\n".encode())
            streams = [client.makefile() for client in clients]
            for number, stream in enumerate(streams):
                self.assertEqual(answer(stream), [f"{number}\t\tx"])
            # A query that ends when another client's has been answered.
            clients[0].sendall(b"create table done(x int)\n")
            self.assertEqual(answer(streams[0]), [])
            clients[0].sendall(WAIT)
            clients[1].sendall(b"insert into done values (1) returning x\n")
            self.assertEqual(answer(streams[1]), ["1"])
            self.assertEqual(answer(streams[0]), [])
            clients[2].sendall(b"select nonsense\nselect generate_series(1, 3)\n")
            self.assertIn("nonsense", answer(streams[2])[0])
            self.assertEqual(answer(streams[2]), ["1", "2", "3"])
            for stream, client in zip(streams, clients):
                stream.close()
                client.close()


main()
