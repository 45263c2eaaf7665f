"""Callbacks, futures and events of a library with a loop of its own reach greenlets."""
import unittest

from example import Example, main


class EventLoop(unittest.TestCase):
    def test_callbacks_futures_and_events_reach_greenlets(self):
        with Example() as program:
            self.assertEqual(program.rest(),
                             ["an answer to a callback", "an answer to a future", "an answer to an event"])


main()
