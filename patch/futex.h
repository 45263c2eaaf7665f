#pragma once

namespace evergreen::patch {

// futex(2), as syscall(SYS_futex, ...) is called: its six arguments, and a result of -1 with errno. Precondition:
// started().
long futex(long word, long operation, long value, long timeout, long second_word, long third_value);

}  // namespace evergreen::patch
