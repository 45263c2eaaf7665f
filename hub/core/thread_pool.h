// Kernel threads that run one blocking call each, for greenlets that must not block their own.
#pragma once

#include <signal.h>

#include <chrono>
#include <cstddef>
#include <memory>

#include "greenlet/list.h"
#include "greenlet/spin_lock.h"
#include "hub/core/park.h"

namespace evergreen::core {

// Work for a ThreadPool, with its result. Belongs to one side at a time, so nobody counts references: to whoever waits
// for it, from its making until the pool has begun it, and again when it is done; to the pool's thread if the other has
// given up meanwhile, and that thread then destroys it, with all that it holds.
class Job : public Link<Job> {  // ThreadPool::queue_
 public:
  Job() = default;
  virtual ~Job() = default;

  // On a thread of the pool, once.
  virtual void run() noexcept = 0;

 private:
  friend class ThreadPool;
  enum class State : unsigned char { queued, running, done, abandoned };

  State state_ = State::queued;    // guarded by ThreadPool::lock_
  HubGreenlet* waiter_ = nullptr;  // while not abandoned; nullptr: the pool's alone from the start
};

// A pool that grows by a thread when a job comes and none is idle, up to `most`; further jobs wait, first in, first
// out. A thread that was idle for `patience` ends. The one that was idle for the shortest time is taken first, so the
// number shrinks to what the load needs.
//
// Its threads are ordinary ones: stacks of the default size, because users' code runs on them; the signal mask of the
// thread that made the pool. Not "all blocked": a mask survives exec, and a child that a job starts would ignore
// SIGTERM. Linux hands a signal of the whole process to the main thread first, if that does not block it.
//
// Threads: all members from any greenlet and any kernel thread; not from signal handlers.
// Fork: in the child, common() is empty and works; jobs of the parent are not run there, nor do their waiters exist.
class ThreadPool {
 public:
  ThreadPool(std::size_t most, std::chrono::nanoseconds patience);
  // Parks until its threads have ended. Precondition: nobody waits in run(). Jobs that were given up go on to their
  // end.
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // The pool of offload(): EVERGREEN_OFFLOAD_THREADS, idle for 5 s. Never destroyed: exit does not wait for jobs.
  static ThreadPool& common();

  // Runs the job and parks meanwhile. `woken`: it is done. Else it was given up: `job` is nullptr if it had begun, and
  // goes on by itself; still there if it had not, and is never run. A job that is done when the deadline passes, or the
  // greenlet is to end, counts as done; interrupted is told in any case. Throws std::system_error where no thread can
  // be made for it, and what handlers of signals throw, which run meanwhile.
  Wake run(std::unique_ptr<Job>& job, const char* why, Deadline deadline, Hears hears = Hears::everything);

  // Has the job run, and then destroyed on its thread. Throws std::system_error where no thread can be made for it.
  void begin(std::unique_ptr<Job> job);

  // Whether the caller is a thread of some pool.
  [[nodiscard]] static bool on_pool_thread() noexcept;

  // Threads of all pools that have nothing to do.
  [[nodiscard]] static std::size_t idle_threads() noexcept;

  // In a forked child, before anything else there: empty, as the parent's threads are not there. If a job has forked,
  // its thread ends with it. common() does this by itself.
  void restart_after_fork() noexcept;

  [[nodiscard]] std::size_t threads() const noexcept;
  [[nodiscard]] std::size_t queued() const noexcept;

 private:
  struct Worker : Link<Worker> {  // idle_
    HubGreenlet* thread = nullptr;
    Job* job = nullptr;
  };
  struct Start {
    ThreadPool* pool;
    Job* first;
  };
  enum class Placed : bool { yes, needs_thread };

  static void* thread_main(void* start);
  void work(Job* first) noexcept;
  Job* next(Worker& self) noexcept;
  void finish(Job& job) noexcept;
  Placed place(Job& job) noexcept;
  Worker* take_idle() noexcept;  // under the lock, and so are the next two
  bool give_to_idle(Job& job) noexcept;
  void enqueue(Job& job) noexcept;
  void give_up(std::unique_ptr<Job>& job) noexcept;
  bool is_done(const Job& job) noexcept;
  void submit(Job& job);
  int make_thread(Job& first) noexcept;
  void leave() noexcept;

  const std::size_t most_;
  const std::chrono::nanoseconds patience_;
  sigset_t mask_;
  unsigned generation_ = 0;  // of forks

  mutable SpinLock lock_;  // guards the rest, and every Job's state
  List<Job> queue_;
  List<Worker> idle_;  // who became idle last comes first
  std::size_t queued_ = 0, threads_ = 0;
  bool closing_ = false;
  HubGreenlet* closer_ = nullptr;  // waits for threads_ == 0
};

}  // namespace evergreen::core
