"""A greenlet waits for glib's timer, and glib's loop for the greenlet."""
import unittest

from example import Example, main


class GlibLoop(unittest.TestCase):
    def test_greenlets_and_callbacks_take_turns(self):
        with Example() as program:
            self.assertEqual(program.rest(), [
                "greenlet: what is the answer?",
                "glib: a timer has fired",
                "greenlet: it is forty-two",
                "greenlet: and computed elsewhere it is 42",
                "done",
            ])


main()
