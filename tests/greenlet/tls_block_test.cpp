#include "greenlet/tls_block.h"

#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <clocale>
#include <cstdlib>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "greenlet/stack.h"
#include "tests/support/catch.h"
#include "tests/support/lambda_greenlet.h"
#include "tests/support/process.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

thread_local int initial_42 = 42;
thread_local std::array<char, 3000> zeros;

std::string events;  // what destructors did, in order

struct Logged {
  ~Logged() { events += 'o'; }
  int touch = 0;
};
thread_local Logged logged;

class Key {
 public:
  explicit Key(void (*destructor)(void*)) { REQUIRE(pthread_key_create(&key_, destructor) == 0); }
  ~Key() { pthread_key_delete(key_); }
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;
  operator pthread_key_t() const { return key_; }

 private:
  pthread_key_t key_;
};

class Mutex {
 public:
  Mutex(int type, int robust) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, type);
    pthread_mutexattr_setrobust(&attributes, robust);
    pthread_mutex_init(&mutex_, &attributes);
    pthread_mutexattr_destroy(&attributes);
  }
  ~Mutex() { pthread_mutex_destroy(&mutex_); }
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  operator pthread_mutex_t*() { return &mutex_; }

 private:
  pthread_mutex_t mutex_;
};

}  // namespace

TEST_CASE("a block has an errno of its own", "[tls_block]") {
  StackScope stack;
  REQUIRE(stack->take_tls_block() != 0);
  errno = 5;
  int seen = -1;
  run_on(*stack, [&] {
    seen = errno;
    errno = 7;
  });
  CHECK(seen == 0);
  CHECK(errno == 5);
}

TEST_CASE("pthread_self is the block", "[tls_block]") {
  StackScope one, two;
  pthread_t first = 0, second = 0;
  REQUIRE(one->take_tls_block() != 0);
  REQUIRE(two->take_tls_block() != 0);
  run_on(*one, [&] { first = pthread_self(); });
  run_on(*two, [&] { second = pthread_self(); });
  CHECK(first == one->tls_block());
  CHECK(second == two->tls_block());
  CHECK(first != second);
}

TEST_CASE("thread-local variables have their initial values, again after renewal", "[tls_block]") {
  StackScope stack;
  initial_42 = 1;
  zeros[2999] = 1;
  for (int round = 0; round < 3; ++round) {
    REQUIRE(stack->take_tls_block() != 0);
    int number = 0, zero = 1;
    run_on(*stack, [&] {
      number = initial_42;
      zero = zeros[0] | zeros[2999];
      initial_42 = 7;
      zeros.fill(9);
    });
    CHECK(number == 42);
    CHECK(zero == 0);
  }
  CHECK(initial_42 == 1);
  initial_42 = 42;
  zeros[2999] = 0;
}

TEST_CASE("a key has no value on a new block, nor on a renewed one", "[tls_block]") {
  StackScope stack;
  const Key key(nullptr);
  pthread_setspecific(key, &events);
  for (int round = 0; round < 2; ++round) {
    REQUIRE(stack->take_tls_block() != 0);
    void *before = &events, *after = nullptr;
    run_on(*stack, [&] {
      before = pthread_getspecific(key);
      pthread_setspecific(key, &stack);
      after = pthread_getspecific(key);
    });
    CHECK(before == nullptr);
    CHECK(after == &stack);
  }
  CHECK(pthread_getspecific(key) == &events);
}

TEST_CASE("a key's destructor is called with the value, once, and not where there is none", "[tls_block]") {
  StackScope stack;
  static std::vector<void*> destroyed;
  destroyed.clear();
  const Key with([](void* value) { destroyed.push_back(value); });
  const Key without([](void* value) { destroyed.push_back(value); });
  REQUIRE(stack->take_tls_block() != 0);
  run_on(*stack, [&] { pthread_setspecific(with, &stack); });
  CHECK(destroyed == std::vector<void*>{&stack});
}

TEST_CASE("a destructor that sets its key again is called in four rounds", "[tls_block]") {
  StackScope stack;
  static pthread_key_t again;
  static int rounds;
  rounds = 0;
  const Key key([](void* value) {
    ++rounds;
    pthread_setspecific(again, value);
  });
  again = key;
  REQUIRE(stack->take_tls_block() != 0);
  run_on(*stack, [&] { pthread_setspecific(key, &stack); });
  CHECK(rounds == PTHREAD_DESTRUCTOR_ITERATIONS);
  void* left = &stack;
  REQUIRE(stack->take_tls_block() != 0);
  run_on(*stack, [&] { left = pthread_getspecific(key); });
  CHECK(left == nullptr);
}

TEST_CASE("keys beyond the first thirty-two work the same", "[tls_block]") {
  StackScope stack;
  static int destroyed;
  destroyed = 0;
  std::vector<pthread_key_t> keys(100);
  for (auto& key : keys) REQUIRE(pthread_key_create(&key, [](void*) { ++destroyed; }) == 0);
  for (int round = 1; round <= 2; ++round) {
    int values_before = 0, values_kept = 0;
    REQUIRE(stack->take_tls_block() != 0);
    run_on(*stack, [&] {
      for (const auto key : keys) values_before += pthread_getspecific(key) != nullptr ? 1 : 0;
      for (const auto& key : keys) pthread_setspecific(key, &key);
      for (const auto& key : keys) values_kept += pthread_getspecific(key) == &key ? 1 : 0;
    });
    CHECK(values_before == 0);
    CHECK(values_kept == 100);
    CHECK(destroyed == round * 100);
  }
  for (const auto key : keys) pthread_key_delete(key);
}

TEST_CASE("a deleted key's value is not given to the destructor of the key that follows it", "[tls_block]") {
  StackScope stack;
  static int destroyed;
  destroyed = 0;
  REQUIRE(stack->take_tls_block() != 0);
  pthread_key_t key = 0;
  run_on(*stack, [&] {
    pthread_key_create(&key, nullptr);
    pthread_setspecific(key, &stack);
    pthread_key_delete(key);
    pthread_key_t next;
    pthread_key_create(&next, [](void*) { ++destroyed; });
    key = next;
  });
  CHECK(destroyed == 0);
  pthread_key_delete(key);
}

TEST_CASE("thread_local objects are destroyed before keys' values", "[tls_block]") {
  StackScope stack;
  events.clear();
  const Key key([](void*) { events += 'k'; });
  for (const char* expected : {"ok", "okok"}) {
    REQUIRE(stack->take_tls_block() != 0);
    run_on(*stack, [&] {
      pthread_setspecific(key, &stack);
      logged.touch = 1;
    });
    CHECK(events == expected);
  }
}

TEST_CASE("uselocale does not outlive its thread", "[tls_block]") {
  StackScope stack;
  REQUIRE(stack->take_tls_block() != 0);
  const locale_t mine = newlocale(LC_ALL_MASK, "C.UTF-8", nullptr);
  REQUIRE(mine != nullptr);
  run_on(*stack, [&] { uselocale(mine); });
  CHECK(uselocale(nullptr) == LC_GLOBAL_LOCALE);
  freelocale(mine);
  REQUIRE(stack->take_tls_block() != 0);
  locale_t seen = nullptr;
  int letter = 0;
  run_on(*stack, [&] {
    seen = uselocale(nullptr);
    letter = std::isalpha('x');
  });
  CHECK(seen == LC_GLOBAL_LOCALE);
  CHECK(letter != 0);
}

TEST_CASE("the malloc cache survives renewal", "[tls_block]") {
  StackScope stack;
  void *first = nullptr, *second = nullptr;
  REQUIRE(stack->take_tls_block() != 0);
  run_on(*stack, [&] {
    std::free(std::malloc(777));  // may fill the cache: the piece on top is what the next call gives
    std::free(first = std::malloc(777));
  });
  REQUIRE(stack->take_tls_block() != 0);
  run_on(*stack, [&] { std::free(second = std::malloc(777)); });
  CHECK(first == second);
}

TEST_CASE("a thousand renewals allocate nothing that stays", "[tls_block]") {
  StackScope stack;
  std::vector<pthread_key_t> keys(40);
  for (auto& key : keys) pthread_key_create(&key, nullptr);
  const auto live = [&] {
    if (stack->take_tls_block() == 0) throw std::bad_alloc();
    run_on(*stack, [&] {
      std::free(std::malloc(100));
      for (const auto key : keys) pthread_setspecific(key, &keys);
    });
  };
  for (int i = 0; i < 10; ++i) live();
  const auto before = mallinfo2().uordblks;
  for (int i = 0; i < 1000; ++i) live();
  CHECK(mallinfo2().uordblks < before + 4096);
  for (const auto key : keys) pthread_key_delete(key);
}

TEST_CASE("thread ids are unique, and none that a kernel thread can have", "[tls_block]") {
  StackScope stack;
  std::set<int> ids;
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(stack->take_tls_block() != 0);
    run_on(*stack, [&] { ids.insert(thread_id()); });
  }
  CHECK(ids.size() == 1000);
  CHECK(*ids.begin() >= (1 << 22));
  CHECK(*ids.rbegin() < (1 << 30));
  CHECK(thread_id() == gettid());
}

TEST_CASE("robust mutexes can be locked and unlocked in any order", "[tls_block]") {
  StackScope stack;
  for (int round = 0; round < 2; ++round) {
    Mutex a(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ROBUST), b(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ROBUST),
        c(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ROBUST);
    std::vector<int> results;
    REQUIRE(stack->take_tls_block() != 0);
    run_on(*stack, [&] {
      for (pthread_mutex_t* mutex :
           {static_cast<pthread_mutex_t*>(a), static_cast<pthread_mutex_t*>(b), static_cast<pthread_mutex_t*>(c)}) {
        results.push_back(pthread_mutex_lock(mutex));
      }
      results.push_back(pthread_mutex_unlock(b));
      results.push_back(pthread_mutex_unlock(a));
      results.push_back(pthread_mutex_unlock(c));
      results.push_back(pthread_mutex_lock(b));
      results.push_back(pthread_mutex_unlock(b));
    });
    CHECK(results == std::vector<int>(8, 0));
  }
}

TEST_CASE("a recursive mutex belongs to one block", "[tls_block]") {
  StackScope one, two;
  REQUIRE(one->take_tls_block() != 0);
  REQUIRE(two->take_tls_block() != 0);
  Mutex mutex(PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED);
  int again = -1, other = -1, unlock_by_other = -1;
  run_on(*one, [&] {
    pthread_mutex_lock(mutex);
    again = pthread_mutex_trylock(mutex);
  });
  run_on(*two, [&] {
    other = pthread_mutex_trylock(mutex);
    unlock_by_other = pthread_mutex_unlock(mutex);
  });
  CHECK(again == 0);
  CHECK(other == EBUSY);
  CHECK(unlock_by_other == EPERM);
  CHECK(pthread_mutex_trylock(mutex) == EBUSY);
}

TEST_CASE("the next thread on a block does not own what the one before locked", "[tls_block]") {
  StackScope stack;
  Mutex mutex(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED);
  int relock = -1, after = -1;
  REQUIRE(stack->take_tls_block() != 0);
  run_on(*stack, [&] {
    pthread_mutex_lock(mutex);
    relock = pthread_mutex_lock(mutex);
  });
  REQUIRE(stack->take_tls_block() != 0);
  run_on(*stack, [&] { after = pthread_mutex_trylock(mutex); });
  CHECK(relock == EDEADLK);
  CHECK(after == EBUSY);
}

TEST_CASE("sched_getcpu tells the truth on a block", "[tls_block]") {
  cpu_set_t allowed;
  REQUIRE(sched_getaffinity(0, sizeof allowed, &allowed) == 0);
  StackScope stack;
  REQUIRE(stack->take_tls_block() != 0);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(cpu, &only);
    REQUIRE(sched_setaffinity(0, sizeof only, &only) == 0);
    int seen = -1;
    run_on(*stack, [&] { seen = sched_getcpu(); });
    CHECK(seen == cpu);
  }
  sched_setaffinity(0, sizeof allowed, &allowed);
}

TEST_CASE("memory that one block allocated is freed on another", "[tls_block]") {
  StackScope one, two;
  REQUIRE(one->take_tls_block() != 0);
  REQUIRE(two->take_tls_block() != 0);
  std::vector<std::string> texts;
  run_on(*one, [&] {
    for (int i = 0; i < 1000; ++i) texts.emplace_back(static_cast<std::size_t>(i), 'x');
  });
  run_on(*two, [&] { texts.clear(); });
  CHECK(texts.empty());
}

TEST_CASE("a child forked on a block goes on, and makes threads", "[tls_block]") {
  StackScope stack;
  REQUIRE(stack->take_tls_block() != 0);
  ChildEnd end{};
  run_on(*stack, [&] {
    end = in_child([&] {
      leave_glibc_lists();
      int made = 0;
      std::thread([&] { ++made; }).join();
      StackScope another;
      if (another->take_tls_block() == 0) return 2;
      run_on(*another, [&] { ++made; });
      std::thread([&] { ++made; }).join();
      return made == 3 ? 0 : 1;
    });
  });
  CHECK(end.exited);
  CHECK(end.code == 0);
  CHECK(end.errors.empty());
}
