"""Quick numbers are answered while slow ones are computed, and SIGTERM does not wait for those."""
import unittest

from example import Example, main

FOR_AGES = b"80\n"  # years


class Fibonacci(unittest.TestCase):
    def test_answers_in_order(self):
        with Example("0") as program, program.connect() as client, client.makefile("rb") as file:
            client.sendall(b"0\n1\n10\n20\r\n30\n")
            self.assertEqual([file.readline() for _ in range(5)], [b"0\n", b"1\n", b"55\n", b"6765\n", b"832040\n"])

    def test_what_is_no_number_is_told(self):
        with Example("0") as program, program.connect() as client, client.makefile("rb") as file:
            for wrong in (b"x\n", b"-1\n", b"94\n", b"\n", b"1 2\n"):
                client.sendall(wrong)
                self.assertEqual(file.readline(), b"not a number from 0 to 93\n")

    def test_others_are_served_while_two_compute_for_ages(self):
        with Example("0") as program, program.connect() as slow, program.connect() as slow_too:
            slow.sendall(FOR_AGES)
            slow_too.sendall(FOR_AGES)
            for number in range(20):
                with program.connect() as quick, quick.makefile("rb") as file:
                    quick.sendall(b"15\n")
                    self.assertEqual(file.readline(), b"610\n", number)
            self.assertEqual(program.stop(), ["stopped"])


main()
