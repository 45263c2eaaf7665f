// What message queues and semaphore sets take.
#include <fcntl.h>
#include <limits.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

#include <cstring>

#include "tests/fuzz/choice.h"
#include "tests/fuzz/kernel.h"
#include "tests/fuzz/kinds.h"
#include "tests/fuzz/memory.h"
#include "tests/fuzz/world.h"

namespace fuzz::kinds {

void queue_fd(Call& call) {
  const Descriptor& chosen = any_descriptor(call.random, Sort::queue);
  call.add(chosen.fd, chosen.name);
  call.name_descriptor(chosen.fd);
}

// None that could be made: it would outlive us.
void queue_name(Call& call) {
  static constexpr const char* names[] = {"/none", "none", "", "/", "/a/b", "/fuzz"};
  const char* chosen = names[call.random.below(std::size(names))];
  const Pointer to = place(call.random, 16);
  put(to, chosen, std::strlen(chosen) + 1);
  call.add(address(to.address), std::string(chosen) + ' ' + to.name);
}

void queue_open_flags(Call& call) {
  static constexpr Choice choices[] = {NAMED(O_RDONLY),  NAMED(O_RDWR), NAMED(O_RDWR | O_NONBLOCK),
                                       NAMED(O_CLOEXEC), NAMED(O_EXCL), NAMED(O_ACCMODE)};
  one_of(call, choices);
}

void queue_len(Call& call) {
  static constexpr Choice choices[] = {{64, "64"}, {64, "64"},     {10, "10"},     {0, "0"},
                                       {65, "65"}, {9000, "9000"}, NAMED(INT_MAX), {-1, "SIZE_MAX"}};
  one_of(call, choices);
}

void queue_priority(Call& call) {
  static constexpr Choice choices[] = {{0, "0"}, {1, "1"}, {32767, "32767"}, {32768, "32768"}, {-1, "-1"}};
  one_of(call, choices);
}

void queue_id(Call& call) {
  if (call.random.percent(75)) return call.add(message_queue(), "queue");
  static constexpr Choice choices[] = {{-1, "-1"}, NAMED(INT_MAX), NAMED(INT_MIN)};
  one_of(call, choices);
}

void typed_message(Call& call) {
  static constexpr long types[] = {1, 5, 0, -1, LONG_MIN};
  char message[72]{};
  const long type = types[call.random.below(5)];
  std::memcpy(message, &type, sizeof type);
  const Pointer to = place(call.random, sizeof message);
  put(to, message, sizeof message);
  call.add(address(to.address), "type " + number(type) + " " + to.name);
}

void ipc_flags(Call& call) {
  static constexpr Choice choices[] = {NAMED(IPC_NOWAIT), NAMED(MSG_NOERROR), NAMED(MSG_EXCEPT), NAMED(MSG_COPY),
                                       NAMED(IPC_NOWAIT)};
  some_of(call, choices);
}

void set_id(Call& call) {
  if (call.random.percent(75)) return call.add(semaphore_set(), "set");
  static constexpr Choice choices[] = {{-1, "-1"}, NAMED(INT_MAX), NAMED(INT_MIN)};
  one_of(call, choices);
}

void set_operations_and_count(Call& call) {
  static constexpr short values[] = {-1, 1, 0, -2, SHRT_MAX, SHRT_MIN};
  static constexpr unsigned short places[] = {0, 1, 1, 2, USHRT_MAX};
  static constexpr short flags[] = {0, IPC_NOWAIT, IPC_NOWAIT, SEM_UNDO, -1};
  sembuf list[2];
  std::string words = "[";
  for (sembuf& operation : list) {
    operation = {places[call.random.below(call.random.percent(80) ? 3 : 5)], values[call.random.below(6)],
                 flags[call.random.below(5)]};
    words += number(operation.sem_num) + " by " + number(operation.sem_op) + " " + number(operation.sem_flg) + ", ";
  }
  const Pointer to = place(call.random, sizeof list);
  put(to, list, sizeof list);
  call.add(address(to.address), words + "] " + to.name);
  static constexpr Choice counts[] = {{2, "2"}, {1, "1"}, {1, "1"}, {2, "2"}, {0, "0"}, {501, "501"}, {-1, "SIZE_MAX"}};
  one_of(call, counts);
}

}  // namespace fuzz::kinds
