// Locks of libc and libraries that a greenlet holds while it waits. All greenlets of the library have one TLS block, by
// which libc knows an owner; yet none may enter what another holds.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "tests/library/fixture.h"
#include "tests/support/process.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

// What two greenlets do that both want a lock, each of whom waits while it holds it.
template <class Lock>
std::string order_in(Lock& lock) {
  std::string order;
  const auto enter = [&](char begin, char end) {
    const std::lock_guard guard(lock);
    order += begin;
    sleep(1ms);
    order += end;
  };
  auto first = spawn(enter, 'a', 'A'), second = spawn(enter, 'b', 'B');
  first.join();
  second.join();
  return order;
}

class Mutex {
 public:
  explicit Mutex(int type) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, type);
    pthread_mutex_init(&mutex_, &attributes);
    pthread_mutexattr_destroy(&attributes);
  }
  ~Mutex() { pthread_mutex_destroy(&mutex_); }
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() { CHECK(pthread_mutex_lock(&mutex_) == 0); }
  void unlock() { CHECK(pthread_mutex_unlock(&mutex_) == 0); }
  int try_unlock() { return pthread_mutex_unlock(&mutex_); }
  int lock_again() { return pthread_mutex_lock(&mutex_); }

 private:
  pthread_mutex_t mutex_;
};

}  // namespace

TEST_CASE_METHOD(LibraryFixture, "each greenlet is an owner of mutexes of its own", "[locks]") {
  for (const int type : {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK}) {
    Mutex mutex(type);
    const std::string order = order_in(mutex);
    CHECK(order == "aAbB");
  }
  std::recursive_mutex recursive;
  const std::string order = order_in(recursive);
  CHECK(order == "aAbB");
  std::shared_mutex shared;
  const std::string other = order_in(shared);
  CHECK(other == "aAbB");
}

TEST_CASE_METHOD(LibraryFixture, "the owner of a mutex is known after it has waited", "[locks]") {
  Mutex recursive(PTHREAD_MUTEX_RECURSIVE), checking(PTHREAD_MUTEX_ERRORCHECK);
  const auto check = [&] {
    const std::lock_guard outer(recursive), again(recursive);
    checking.lock();
    auto other = spawn([&] { return checking.try_unlock(); });
    sleep(1ms);
    const int stranger = other.get();
    CHECK(stranger == EPERM);
    CHECK(checking.lock_again() == EDEADLK);
    checking.unlock();
  };
  check();
  spawn(check).get();
  check();
}

TEST_CASE_METHOD(LibraryFixture, "a stream is one greenlet's while that waits in it", "[locks]") {
  const DescriptorPair pipe = DescriptorPair::pipe();
  fcntl(pipe.reader, F_SETFL, 0);
  std::FILE* stream = fdopen(dup(pipe.reader), "r");
  const auto read_line = [&] {
    char text[16] = "";
    return std::string(std::fgets(text, sizeof text, stream) != nullptr ? text : "nothing");
  };
  auto first = spawn(read_line), second = spawn(read_line);
  auto held = spawn([&] { return ftrylockfile(stream); });
  sleep(1ms);
  CHECK(held.get() != 0);
  CHECK(write(pipe.writer, "one\n", 4) == 4);
  CHECK(first.get() == "one\n");
  CHECK_FALSE(second.dead());
  CHECK(write(pipe.writer, "two\n", 4) == 4);
  CHECK(second.get() == "two\n");
  CHECK(ftrylockfile(stream) == 0);
  funlockfile(stream);
  std::fclose(stream);
}

TEST_CASE_METHOD(LibraryFixture, "the main greenlet's stream is its own, too", "[locks]") {
  const DescriptorPair pipe = DescriptorPair::pipe();
  fcntl(pipe.reader, F_SETFL, 0);
  std::FILE* stream = fdopen(dup(pipe.reader), "r");
  int other_got_it = -1;
  auto other = spawn([&] {
    other_got_it = ftrylockfile(stream);
    if (other_got_it == 0) funlockfile(stream);
    CHECK(write(pipe.writer, "x", 1) == 1);
  });
  CHECK(std::fgetc(stream) == 'x');
  CHECK(other_got_it != 0);
  other.join();
  std::fclose(stream);
}

TEST_CASE_METHOD(LibraryFixture, "condition variables of C++ park", "[locks]") {
  std::mutex mutex;
  std::condition_variable condition;
  bool ready = false;
  auto waiter = spawn([&] {
    std::unique_lock lock(mutex);
    condition.wait(lock, [&] { return ready; });
  });
  sleep(0s);
  {
    const std::lock_guard guard(mutex);
    ready = true;
  }
  condition.notify_one();
  waiter.join();
  std::unique_lock lock(mutex);
  CHECK(condition.wait_for(lock, 2ms) == std::cv_status::timeout);
}

TEST_CASE_METHOD(LibraryFixture, "masks of signals are a greenlet's own, signals the thread's", "[signals]") {
  static int handled = 0;
  struct sigaction action {
  }, before{};
  action.sa_handler = [](int) { ++handled; };
  sigaction(SIGUSR1, &action, &before);
  const auto block = [](int how) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(how, &set, nullptr);
  };
  const auto blocks = [] {
    sigset_t set;
    pthread_sigmask(SIG_SETMASK, nullptr, &set);
    return sigismember(&set, SIGUSR1) == 1;
  };
  auto other = spawn([&] {
    block(SIG_BLOCK);
    sleep(2ms);
    return blocks();
  });
  sleep(0s);
  CHECK_FALSE(blocks());
  raise(SIGUSR1);
  CHECK(handled == 1);
  CHECK(other.get());
  // Blocked where it is raised, by a greenlet that ends: it comes to the next one that lets it in.
  spawn([&] {
    block(SIG_BLOCK);
    pthread_kill(pthread_self(), SIGUSR1);
    CHECK(handled == 1);
  }).join();
  sleep(1ms);
  CHECK(handled == 2);
  sigaction(SIGUSR1, &before, nullptr);
}

TEST_CASE_METHOD(LibraryFixture, "pthread_exit ends the greenlet that calls it, with its destructors", "[threads]") {
  bool destroyed = false, went_on = false;
  auto greenlet = spawn([&] {
    struct Guard {
      bool& destroyed;
      ~Guard() { destroyed = true; }
    } guard{destroyed};
    pthread_exit(nullptr);
    went_on = true;
  });
  greenlet.join();
  CHECK(greenlet.successful());
  CHECK(destroyed);
  CHECK_FALSE(went_on);
}
