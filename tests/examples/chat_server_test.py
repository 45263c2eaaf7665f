"""What one writes all read; who leaves, however, is gone with both greenlets; who reads too slowly is thrown out."""
import unittest

from example import Example, main


class User:
    def __init__(self, program, name):
        self.socket = program.connect()
        self.file = self.socket.makefile("rw", newline="\n")
        self.first = self.line()
        self.say(name)

    def say(self, text):
        self.file.write(text + "\n")
        self.file.flush()

    def line(self):
        return self.file.readline().rstrip("\n")

    def wait_for(self, line):
        while True:
            got = self.line()
            if got == line:
                return
            if not got:
                raise AssertionError(f"the end, and no {line!r}")

    def close(self):
        self.file.close()
        self.socket.close()


class Chat(unittest.TestCase):
    def test_what_one_writes_all_read(self):
        with Example("0") as program:
            ann = User(program, "ann")
            ann.say("anybody here?")
            self.assertEqual(ann.first, "your name?")
            self.assertEqual(ann.line(), "ann: anybody here?")
            bob = User(program, "bob")
            self.assertEqual(ann.line(), "bob has come")
            bob.say("me")
            for user in (ann, bob):
                self.assertEqual(user.line(), "bob: me")
            bob.close()
            self.assertEqual(ann.line(), "bob has left")
            again = User(program, "bob")
            self.assertEqual(ann.line(), "bob has come")
            for user in (ann, again):
                user.close()

    def test_a_name_is_of_one(self):
        with Example("0") as program:
            ann = User(program, "ann")
            ann.say("x")
            self.assertEqual(ann.line(), "ann: x")
            other = User(program, "ann")
            self.assertEqual(other.line(), "not you")
            ann.say("still here")
            self.assertEqual(ann.line(), "ann: still here")
            ann.close()
            other.close()

    def test_who_reads_too_slowly_does_not_hold_up_the_others(self):
        with Example("0") as program:
            ann, slow = User(program, "ann"), User(program, "slow")
            self.assertEqual(ann.line(), "slow has come")
            text = "x" * 900
            while True:
                ann.say(text)
                got = ann.line()
                if got == "slow has left":
                    break
                self.assertEqual(got, "ann: " + text)
            self.assertEqual(ann.line(), "ann: " + text)
            slow.close()
            ann.close()

    def test_all_are_gone_when_it_stops(self):
        with Example("0") as program:
            users = [User(program, f"user {number}") for number in range(20)]
            users[0].wait_for("user 19 has come")
            self.assertEqual(program.stop()[-1], "0 users left")
            for user in users:
                user.close()


main()
