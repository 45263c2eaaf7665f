"""Subscribers get what is published to their topics, in order; one that does not read holds up nobody."""
import unittest

from example import Example, main


class Client:
    def __init__(self, program):
        self.socket = program.connect()
        self.lines = self.socket.makefile("rw", newline="\n")

    def ask(self, line):
        self.lines.write(line + "\n")
        self.lines.flush()
        return self.read()

    def read(self):
        return self.lines.readline().rstrip("\n")

    def close(self):
        self.lines.close()
        self.socket.close()


class PublishSubscribe(unittest.TestCase):
    def test_subscribers_get_their_topics(self):
        with Example("0") as program:
            one, two, three = Client(program), Client(program), Client(program)
            self.assertEqual(one.ask("subscribe news"), "subscribed to news")
            self.assertEqual(two.ask("subscribe news"), "subscribed to news")
            self.assertEqual(two.ask("subscribe sport"), "subscribed to sport")
            self.assertEqual(three.ask("publish news it rains"), "published to 2")
            self.assertEqual(three.ask("publish sport 2:1"), "published to 1")
            self.assertEqual(three.ask("publish weather fine"), "published to 0")
            self.assertEqual(one.read(), "news it rains")
            self.assertEqual([two.read(), two.read()], ["news it rains", "sport 2:1"])
            self.assertEqual(three.ask("what?"), "subscribe TOPIC, or publish TOPIC MESSAGE")
            two.close()
            while three.ask("publish sport again") != "published to 0":
                pass
            for client in (one, three):
                client.close()
            self.assertEqual(program.stop(), [])

    def test_who_does_not_read_holds_up_nobody(self):
        with Example("0") as program:
            deaf, good, source = Client(program), Client(program), Client(program)
            deaf.ask("subscribe news")
            good.ask("subscribe news")
            message, lost = "x" * 60000, 0
            for number in range(400):
                told = source.ask(f"publish news {number} {message}")
                lost += told == "published to 1"
                self.assertEqual(good.read(), f"news {number} {message}")
            self.assertGreater(lost, 0)
            for client in (deaf, good, source):
                client.close()


main()
