#include "evergreen/thread_pool.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "hub/core/thread_pool.h"

namespace evergreen {
namespace detail {
namespace {

constexpr std::chrono::seconds patience(5);

}  // namespace

class PoolState {
 public:
  explicit PoolState(std::size_t most)
      : maxsize(std::max<std::size_t>(most, 1)), threads_(std::in_place, maxsize, patience) {}

  // The scope of one call, from spawn() to its end.
  class Slot {
   public:
    explicit Slot(std::shared_ptr<PoolState> pool) : pool_(std::move(pool)) { pool_->take(); }
    ~Slot() { pool_->give(); }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;

   private:
    const std::shared_ptr<PoolState> pool_;
  };

  [[nodiscard]] std::size_t size() const {
    const WaitList::Guard guard(idle_);
    return busy_;
  }

  bool join(Deadline deadline) {
    WaitList::Guard guard(idle_);
    return idle_.wait_until(
        guard, [this] { return busy_ == 0; }, "ThreadPool::join", deadline);
  }

  core::ThreadPool& threads() { return *threads_; }
  void end_threads() { threads_.reset(); }

  const std::size_t maxsize;

 private:
  void take() {
    WaitList::Guard guard(free_);
    free_.wait_until(
        guard, [this] { return taken_ < maxsize; }, "ThreadPool::spawn", Deadline::never());
    ++taken_;
    const WaitList::Guard other(idle_);
    ++busy_;
  }

  void give() {
    {
      const WaitList::Guard guard(free_);
      --taken_;
      free_.wake_one();
    }
    const WaitList::Guard guard(idle_);
    if (--busy_ == 0) idle_.wake_all();
  }

  WaitList free_;
  std::size_t taken_ = 0;  // guarded by free_
  mutable WaitList idle_;
  std::size_t busy_ = 0;  // guarded by idle_
  std::optional<core::ThreadPool> threads_;
};

namespace {

class SlottedCall final : public Call {
 public:
  SlottedCall(std::shared_ptr<PoolState> pool, std::unique_ptr<Call> call)
      : slot_(std::move(pool)), call_(std::move(call)) {}

  void run() noexcept override { call_->run(); }

 private:
  PoolState::Slot slot_;  // given back last
  std::unique_ptr<Call> call_;
};

}  // namespace
}  // namespace detail

ThreadPool::ThreadPool(std::size_t maxsize) : state_(std::make_shared<detail::PoolState>(maxsize)) {}
ThreadPool::~ThreadPool() { state_->end_threads(); }

std::size_t ThreadPool::size() const { return state_->size(); }
std::size_t ThreadPool::maxsize() const noexcept { return state_->maxsize; }
bool ThreadPool::join(Deadline deadline) { return state_->join(deadline); }

void ThreadPool::begin(std::unique_ptr<detail::Call> call) {
  detail::begin_on(state_->threads(), std::make_unique<detail::SlottedCall>(state_, std::move(call)));
}

}  // namespace evergreen
