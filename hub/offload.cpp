#include "evergreen/offload.h"

#include <new>

#include "evergreen/greenlet_exit.h"
#include "evergreen/timeout.h"
#include "hub/core/can_migrate.h"
#include "hub/core/end.h"
#include "hub/core/slow_call.h"
#include "hub/core/thread_pool.h"

namespace evergreen::detail {
namespace {

class CallJob final : public core::Job {
 public:
  explicit CallJob(std::unique_ptr<Call> call) noexcept : call_(std::move(call)) {}

  void run() noexcept override { call_->run(); }
  std::unique_ptr<Call> take() noexcept { return std::move(call_); }

 private:
  std::unique_ptr<Call> call_;
};

}  // namespace

core::ThreadPool& common_pool() { return core::ThreadPool::common(); }

void call_on(core::ThreadPool& pool, std::unique_ptr<Call>& call, Deadline deadline) {
  core::HubGreenlet& self = core::current_or_thread();
  if (core::must_end(self)) core::throw_end(self);
  if (deadline.has_passed()) throw Timeout("offload: timed out");
  std::unique_ptr<core::Job> job = std::make_unique<CallJob>(std::move(call));
  auto& mine = static_cast<CallJob&>(*job);
  switch (pool.run(job, "offload", deadline)) {
    case core::Wake::woken:
    case core::Wake::signalled:  // run() goes on then
      break;
    case core::Wake::timed_out:
      throw Timeout("offload: timed out");
    case core::Wake::interrupted:
      throw GreenletExit();
    case core::Wake::ended:
      core::throw_end(self);
  }
  call = mine.take();
}

void begin_on(core::ThreadPool& pool, std::unique_ptr<Call> call) {
  pool.begin(std::make_unique<CallJob>(std::move(call)));
}

static_assert(sizeof(core::SlowCall) <= 32);

BlockingInPlace::BlockingInPlace(Deadline deadline) noexcept
    : is_good_(deadline.is_never() && (core::ThreadPool::on_pool_thread() || core::can_migrate())) {
  if (is_good_) new (slow_call_) core::SlowCall;
}

BlockingInPlace::~BlockingInPlace() {
  if (is_good_) std::launder(reinterpret_cast<core::SlowCall*>(slow_call_))->~SlowCall();
}

}  // namespace evergreen::detail
