"""A page in time, one too slow, a scope and a killed greenlet: each connection is given back."""
import unittest

from example import Example, main

TRIP = ["connected", "disconnected"]


class TimeLimits(unittest.TestCase):
    def test_each_connection_is_given_back_before_the_limit_is_told(self):
        with Example() as program:
            self.assertEqual(program.rest(), TRIP + ["a page"] + TRIP + ["too slow"] + TRIP + ["timed out"] + TRIP
                             + ["killed, which is no error"])


main()
