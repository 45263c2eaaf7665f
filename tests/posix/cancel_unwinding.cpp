// Cancellation and pthread_exit in C++: glibc unwinds the stack. Destructors run; who catches all must rethrow.
#include <cxxabi.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <mutex>
#include <string>
#include <thread>

#include "tests/posix/holds.h"

namespace {

std::string events;

struct Guard {
  explicit Guard(const char* name) : name(name) {}
  ~Guard() { events += name; }
  const char* name;
};

enum class End { cancel, exit, block };

void end_thread(End how) {
  if (how == End::exit) pthread_exit(&events);
  if (how == End::cancel) pthread_cancel(pthread_self());
  if (how == End::cancel) pthread_testcancel();
  entering();
  for (;;) pause();
}

void nested(End how, int depth) {
  const Guard guard("g");
  if (depth == 0) end_thread(how);
  if (depth > 0) nested(how, depth - 1);
}

void* nest(void* how) {
  const Guard outer("o");
  nested(*static_cast<End*>(how), 3);
  return nullptr;
}

void* run(void* (*routine)(void*), End how) {
  events.clear();
  const pthread_t thread = start(routine, &how);
  if (how == End::block) {
    await_entered(1);
    pthread_cancel(thread);
  }
  return join(thread);
}

CASE(destructors) {
  HOLDS(pthread_exit, "runs the destructors of all frames, the innermost first",
        run(nest, End::exit) == &events && events == "ggggo");
  HOLDS(pthread_testcancel, "runs the destructors of all frames",
        run(nest, End::cancel) == PTHREAD_CANCELED && events == "ggggo");
  HOLDS(pthread_cancel, "of a thread that waits runs the destructors of all frames",
        run(nest, End::block) == PTHREAD_CANCELED && events == "ggggo");
}

void* catch_and_rethrow(void* how) {
  const Guard outer("o");
  try {
    const Guard inner("i");
    end_thread(*static_cast<End*>(how));
  } catch (...) {
    events += "c";
    throw;
  }
  return nullptr;
}

CASE(rethrow) {
  HOLDS(pthread_exit, "catch (...) sees it and may rethrow",
        run(catch_and_rethrow, End::exit) == &events && events == "ico");
  HOLDS(pthread_cancel, "catch (...) sees it and may rethrow",
        run(catch_and_rethrow, End::block) == PTHREAD_CANCELED && events == "ico");
}

void* catch_forced_unwind(void* how) {
  try {
    const Guard inner("i");
    end_thread(*static_cast<End*>(how));
  } catch (const std::exception&) {
    events += "x";
  } catch (abi::__forced_unwind&) {
    events += "f";
    throw;
  }
  return nullptr;
}

CASE(forced_unwind) {
  HOLDS(pthread_exit, "is abi::__forced_unwind, and no exception of the program's",
        run(catch_forced_unwind, End::exit) == &events && events == "if");
  HOLDS(pthread_cancel, "is abi::__forced_unwind, and no exception of the program's",
        run(catch_forced_unwind, End::block) == PTHREAD_CANCELED && events == "if");
}

struct Throws {
  ~Throws() {
    try {
      throw 1;
    } catch (int) {
      events += "t";
    }
    usleep(100);
  }
};

void* throw_meanwhile(void* how) {
  const Throws outer;
  const Throws inner;
  end_thread(*static_cast<End*>(how));
  return nullptr;
}

CASE(exceptions_meanwhile) {
  HOLDS(pthread_cancel, "destructors may throw and catch, and block",
        run(throw_meanwhile, End::block) == PTHREAD_CANCELED && events == "tt");
}

void* catch_first(void* how) {
  try {
    throw std::string("error");
  } catch (const std::string&) {
    const Guard guard("g");
    end_thread(*static_cast<End*>(how));
  }
  return nullptr;
}

CASE(while_an_exception_is_handled) {
  HOLDS(pthread_cancel, "acts while an exception is handled",
        run(catch_first, End::block) == PTHREAD_CANCELED && events == "g");
}

void note_handler(void* name) { events += static_cast<const char*>(name); }

void* mixed(void* how) {
  const Guard outer("o");
  char handler[] = "h";
  pthread_cleanup_push(note_handler, handler);
  const Guard inner("i");
  end_thread(*static_cast<End*>(how));
  pthread_cleanup_pop(0);
  return nullptr;
}

CASE(handlers_between_destructors) {
  HOLDS(pthread_cleanup_push, "handlers run among the destructors, the innermost first",
        run(mixed, End::block) == PTHREAD_CANCELED && events == "iho");
}

struct Local {
  ~Local() { events += "l"; }
};
thread_local Local local;

void* use_local(void* how) {
  const Local* used = &local;
  if (used == nullptr) return nullptr;
  const Guard guard("g");
  end_thread(*static_cast<End*>(how));
  return nullptr;
}

CASE(thread_locals) {
  HOLDS(pthread_cancel, "thread_local objects are destroyed after the stack is unwound",
        run(use_local, End::block) == PTHREAD_CANCELED && events == "gl");
  HOLDS(pthread_exit, "thread_local objects are destroyed after the stack is unwound",
        run(use_local, End::exit) == &events && events == "gl");
}

std::mutex mutex;

void* hold_lock(void* how) {
  const std::lock_guard lock(mutex);
  end_thread(*static_cast<End*>(how));
  return nullptr;
}

CASE(locks) {
  HOLDS(pthread_cancel, "a std::lock_guard gives its mutex back",
        run(hold_lock, End::block) == PTHREAD_CANCELED && mutex.try_lock());
  mutex.unlock();
}

// The ends of whole processes.
int signal_of_child(void* (*routine)(void*), End how) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    const rlimit none{};
    setrlimit(RLIMIT_CORE, &none);
    close(STDERR_FILENO);
    run(routine, how);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

void* swallow(void* how) {
  try {
    end_thread(*static_cast<End*>(how));
  } catch (...) {
  }
  return nullptr;
}

void barred(End how) noexcept { end_thread(how); }

void* through_noexcept(void* how) {
  barred(*static_cast<End*>(how));
  return nullptr;
}

CASE(not_rethrown) {
  HOLDS(pthread_exit, "glibc aborts where catch (...) does not rethrow",
        signal_of_child(swallow, End::exit) == SIGABRT);
  HOLDS(pthread_cancel, "glibc aborts where catch (...) does not rethrow",
        signal_of_child(swallow, End::cancel) == SIGABRT);
}

CASE(noexcept_functions) {
  HOLDS(pthread_exit, "through noexcept is std::terminate", signal_of_child(through_noexcept, End::exit) == SIGABRT);
  HOLDS(pthread_cancel, "through noexcept is std::terminate",
        signal_of_child(through_noexcept, End::cancel) == SIGABRT);
}

CASE(std_thread) {
  events.clear();
  pthread_t handle{};
  std::thread thread([&] {
    const Guard guard("g");
    handle = pthread_self();
    entering();
    for (;;) pause();
  });
  await_entered(1);
  pthread_cancel(handle);
  thread.join();
  HOLDS(pthread_cancel, "a std::thread can be cancelled and joined", events == "g");
}

}  // namespace
