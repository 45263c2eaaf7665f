// hub/offload.h in a program that links libevergreen and is preloaded too: a thread can go on without its hub, so the
// call is made in place; with one carrier it cannot, and a thread of the pool makes it.
#include "evergreen/offload.h"

#include <cstdlib>
#include <cstring>

#include "tests/support/case.h"

namespace {

bool one_carrier() {
  const char* carriers = std::getenv("EVERGREEN_CARRIERS");
  return carriers != nullptr && std::strcmp(carriers, "1") == 0;
}

int opened;

void* open_it(void*) {
  set_flag(&opened);
  return nullptr;
}

}  // namespace

CASE(in_place_or_on_the_pool) {
  const pthread_t other = start([](void*) -> void* { return nullptr; }, nullptr);
  join(other);
  const bool in_place = pthread_equal(evergreen::offload(pthread_self), pthread_self()) != 0;
  CHECK_EQ(in_place, !one_carrier());
}

CASE(with_a_deadline_on_the_pool) {
  const pthread_t other = start([](void*) -> void* { return nullptr; }, nullptr);
  join(other);
  const auto soon = evergreen::Deadline::in(std::chrono::seconds(60));
  CHECK(!pthread_equal(evergreen::offload(pthread_self, soon), pthread_self()));
}

// The flag is set by a thread that runs only while the call blocks its own.
CASE(others_run) {
  const pthread_t other = start(open_it, nullptr);
  evergreen::offload([] {
    timespec pause = {0, 1000000};
    while (!is_set(&opened)) nanosleep(&pause, nullptr);
  });
  join(other);
  CHECK(is_set(&opened));
}
