"""All ten say hello before the first says world, three seconds later."""
import time
import unittest

from example import Example, main


class HelloWorld(unittest.TestCase):
    def test_all_sleep_at_the_same_time(self):
        with Example() as program:
            hellos = [program.line() for _ in range(10)]
            began = time.monotonic()
            self.assertEqual(hellos, [f"hello {i}" for i in range(1, 11)])
            self.assertEqual(program.line(), "world 1")
            self.assertGreater(time.monotonic() - began, 2)  # our clock starts late, by no second
            self.assertEqual(program.rest(), [f"world {i}" for i in range(2, 11)])


main()
