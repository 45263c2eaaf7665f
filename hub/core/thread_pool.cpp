#include "hub/core/thread_pool.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <new>
#include <system_error>

#include "hub/core/settings.h"

namespace evergreen::core {
namespace {

constexpr std::chrono::seconds common_patience(5);

constinit thread_local bool is_pool_thread = false;

constinit ThreadPool* the_common = nullptr;

constinit std::atomic<std::size_t> idle_now{0};

}  // namespace

ThreadPool::ThreadPool(std::size_t most, std::chrono::nanoseconds patience)
    : most_(std::max<std::size_t>(most, 1)), patience_(patience) {
  pthread_sigmask(SIG_SETMASK, nullptr, &mask_);
}

ThreadPool::~ThreadPool() {
  HubGreenlet& self = current_or_thread();
  const Runtime runtime;
  std::unique_lock guard(lock_);
  closing_ = true;
  while (Worker* worker = take_idle()) unpark(*worker->thread, Wake::woken);
  while (threads_ != 0) {
    prepare_to_park(self);
    closer_ = &self;
    guard.unlock();
    park(self, "~ThreadPool", Deadline::never());
    guard.lock();
  }
}

ThreadPool& ThreadPool::common() {
  static ThreadPool& pool = []() -> ThreadPool& {
    the_common = new ThreadPool(settings().offload_threads, common_patience);
    pthread_atfork(nullptr, nullptr, [] { the_common->restart_after_fork(); });
    return *the_common;
  }();
  return pool;
}

// Only the forking thread is left: its own jobs, if it is one of ours, included. What the others held is lost.
void ThreadPool::restart_after_fork() noexcept {
  new (&lock_) SpinLock;
  new (&queue_) List<Job>;
  new (&idle_) List<Worker>;
  queued_ = threads_ = 0;
  idle_now = 0;
  ++generation_;
}

std::size_t ThreadPool::idle_threads() noexcept { return idle_now.load(); }

bool ThreadPool::on_pool_thread() noexcept { return is_pool_thread; }

std::size_t ThreadPool::threads() const noexcept {
  const Runtime runtime;
  const std::lock_guard guard(lock_);
  return threads_;
}

std::size_t ThreadPool::queued() const noexcept {
  const Runtime runtime;
  const std::lock_guard guard(lock_);
  return queued_;
}

Wake ThreadPool::run(std::unique_ptr<Job>& job, const char* why, Deadline deadline, Hears hears) {
  HubGreenlet& self = current_or_thread();
  job->waiter_ = &self;
  try {
    for (bool submitted = false;; submitted = true) {
      const Runtime runtime;
      prepare_to_park(self, hears);
      if (!submitted) submit(*job);
      if (submitted && is_done(*job)) return Wake::woken;
      const Wake how = hears == Hears::everything ? park_within_limit(self, why, deadline) : park(self, why, deadline);
      if (how == Wake::signalled) continue;  // its handlers run at the end of the Runtime
      const bool done = is_done(*job);
      if (!done) give_up(job);
      return done && how != Wake::interrupted ? Wake::woken : how;
    }
  } catch (...) {
    if (job != nullptr) give_up(job);
    throw;
  }
}

bool ThreadPool::is_done(const Job& job) noexcept {
  const std::lock_guard guard(lock_);
  return job.state_ == Job::State::done;
}

// Of one that is done, or was never submitted, nothing is left to be done.
void ThreadPool::give_up(std::unique_ptr<Job>& job) noexcept {
  const Runtime runtime;
  const std::lock_guard guard(lock_);
  if (job->is_linked()) {
    job->unlink();
    --queued_;
  } else if (job->state_ == Job::State::running) {
    job->state_ = Job::State::abandoned;
    static_cast<void>(job.release());  // its thread destroys it
  }
}

void ThreadPool::begin(std::unique_ptr<Job> job) {
  const Runtime runtime;
  submit(*job);
  static_cast<void>(job.release());
}

// Under the lock nothing is allocated and no thread is made, so a new one is counted first and made then.
void ThreadPool::submit(Job& job) {
  if (place(job) == Placed::yes) return;
  const int error = make_thread(job);
  if (error == 0) return;
  const std::lock_guard guard(lock_);
  --threads_;
  if (give_to_idle(job)) return;
  job.state_ = Job::State::queued;
  if (threads_ == 0) throw std::system_error(error, std::generic_category(), "offload: no kernel thread");
  enqueue(job);
}

ThreadPool::Placed ThreadPool::place(Job& job) noexcept {
  const std::lock_guard guard(lock_);
  if (give_to_idle(job)) return Placed::yes;
  if (threads_ < most_) {
    job.state_ = Job::State::running;
    ++threads_;
    return Placed::needs_thread;
  }
  enqueue(job);
  return Placed::yes;
}

// Who has something to do is not idle, even before it runs.
ThreadPool::Worker* ThreadPool::take_idle() noexcept {
  Worker* worker = idle_.pop_front();
  if (worker != nullptr) --idle_now;
  return worker;
}

bool ThreadPool::give_to_idle(Job& job) noexcept {
  Worker* worker = take_idle();
  if (worker == nullptr) return false;
  job.state_ = Job::State::running;
  worker->job = &job;
  unpark(*worker->thread, Wake::woken);
  return true;
}

void ThreadPool::enqueue(Job& job) noexcept {
  job.state_ = Job::State::queued;
  queue_.push_back(job);
  ++queued_;
}

// In hub code, where a preloaded pthread_create is libc's.
int ThreadPool::make_thread(Job& first) noexcept {
  auto* start = new (std::nothrow) Start{this, &first};
  if (start == nullptr) return ENOMEM;
  pthread_attr_t attributes;
  pthread_t handle;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  const int error = pthread_create(&handle, &attributes, thread_main, start);
  pthread_attr_destroy(&attributes);
  if (error != 0) delete start;
  return error;
}

void* ThreadPool::thread_main(void* argument) {
  const std::unique_ptr<Start> start(static_cast<Start*>(argument));
  is_pool_thread = true;
  pthread_sigmask(SIG_SETMASK, &start->pool->mask_, nullptr);
  start->pool->work(start->first);
  return nullptr;
}

void ThreadPool::work(Job* first) noexcept {
  Worker self;
  self.thread = &current_or_thread();
  const unsigned born = generation_;
  for (Job* job = first; job != nullptr; job = next(self)) {
    job->run();
    if (generation_ != born) return;  // the job has forked, and we are the child: nobody waits here
    finish(*job);
  }
}

void ThreadPool::finish(Job& job) noexcept {
  {
    const Runtime runtime;
    const std::lock_guard guard(lock_);
    if (job.state_ != Job::State::abandoned && job.waiter_ != nullptr) {
      job.state_ = Job::State::done;
      unpark(*job.waiter_, Wake::woken);  // once the lock is free the job may be gone
      return;
    }
  }
  delete &job;
}

// Waits for a job while the thread is idle; nullptr: the thread is to end, and must not touch the pool any more.
Job* ThreadPool::next(Worker& self) noexcept {
  const Runtime runtime;
  const Deadline until = Deadline::in(patience_);
  std::unique_lock guard(lock_);
  self.job = queue_.pop_front();
  if (self.job != nullptr) {
    --queued_;
    self.job->state_ = Job::State::running;
    return self.job;
  }
  if (!closing_) {
    prepare_to_park(*self.thread);
    idle_.push_front(self);
    ++idle_now;
    guard.unlock();
    park(*self.thread, "idle", until);
    guard.lock();
    if (self.job != nullptr) return self.job;
    if (self.is_linked()) {
      self.unlink();
      --idle_now;
    }
  }
  leave();
  return nullptr;
}

void ThreadPool::leave() noexcept {
  if (--threads_ == 0 && closer_ != nullptr) unpark(*closer_, Wake::woken);
}

}  // namespace evergreen::core
