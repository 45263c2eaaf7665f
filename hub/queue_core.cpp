#include "evergreen/detail/queue_core.h"

#include <algorithm>
#include <stdexcept>

#include "evergreen/queue_error.h"

namespace evergreen::detail {

struct QueueCore::Getter : Waiter {
  QueueNode* node = nullptr;  // what it was handed
};

struct QueueCore::Putter : Waiter {
  explicit Putter(QueueNode*& given) noexcept : node(given) {}
  QueueNode*& node;
};

QueueCore::Result QueueCore::put(QueueNode*& node, Deadline deadline) {
  WaitList::Guard guard(waiters_);
  if (shut_down_) return Result::shut_down;
  if (enter(*node)) {
    node = nullptr;
    return Result::done;
  }
  if (deadline.has_passed()) return Result::late;
  Putter me(node);
  putters_.add(me);
  if (limit_ == 0) waiters_.tell_observers();  // whoever gets now need not wait
  if (!putters_.wait(guard, me, "Queue::put", deadline)) return Result::late;
  return node == nullptr ? Result::done : Result::shut_down;
}

QueueCore::Result QueueCore::get(QueueNode*& node, Deadline deadline) {
  if (order_ == Order::sorted) return get_best(node, deadline);
  Getter me;
  WaitList::Guard guard(waiters_);
  if (const Result result = wait_for_item(guard, me, deadline); result != Result::done) return result;
  node = me.node;
  if (node == nullptr) {
    node = stored_.pop_front();
    count_taken();
  }
  return Result::done;
}

QueueCore::Result QueueCore::get_best(QueueNode*& node, Deadline deadline) {
  Holder holder(*this);
  {
    Getter me;
    WaitList::Guard guard(waiters_);
    if (const Result result = wait_for_item(guard, me, deadline); result != Result::done) return result;
    node = me.node;
    if (node != nullptr) return Result::done;
    holder.hold();
  }
  QueueNode* const best = choose(holder.nodes);
  holder.nodes.pop_front();
  holder.nodes.append(std::move(best->children));
  holder.took_one = true;
  node = best;
  holder.give_back();
  return Result::done;
}

// Done: it was handed one, or there are some, and nobody holds them.
QueueCore::Result QueueCore::wait_for_item(WaitList::Guard& guard, Getter& me, Deadline deadline) {
  wait_while_held(guard);
  if (count_ > 0) return Result::done;
  me.node = take_from_putter();
  if (me.node != nullptr) {
    ++unfinished_;
    return Result::done;
  }
  if (shut_down_) return Result::shut_down;
  if (deadline.has_passed()) return Result::late;
  waiters_.add(me);
  try {
    if (!waiters_.wait(guard, me, "Queue::get", deadline)) return Result::late;
  } catch (...) {
    if (me.node != nullptr) take_back(*me.node);
    throw;
  }
  return me.node != nullptr ? Result::done : Result::shut_down;
}

// Who was to get it is ended by a handler of a signal.
void QueueCore::take_back(QueueNode& node) noexcept {
  if (hand_over(node)) return;
  stored_.push_front(node);
  ++count_;
  tell_of_item();
}

// No deadline: somebody compares or copies items, and it is the items that have one.
void QueueCore::wait_while_held(WaitList::Guard& guard) {
  for (bool beaten = false; held_; beaten = true) holders_.wait(guard, "Queue::get", Deadline::never(), beaten);
}

QueueCore::Result QueueCore::Holder::wait(Deadline deadline) {
  WaitList::Guard guard(queue.waiters_);
  for (bool beaten = false;; beaten = true) {
    queue.wait_while_held(guard);
    if (queue.count_ > 0) break;
    if (queue.shut_down_) return Result::shut_down;
    if (!queue.peekers_.wait(guard, "Queue::peek", deadline, beaten)) return Result::late;
  }
  hold();
  return Result::done;
}

void QueueCore::Holder::hold() noexcept {
  holds = queue.held_ = true;
  nodes.append(std::move(queue.stored_));
}

void QueueCore::Holder::give_back() {
  if (!holds) return;
  const WaitList::Guard guard(queue.waiters_);
  holds = queue.held_ = false;
  // What has come meanwhile is younger.
  queue.order_ == Order::last_in ? queue.stored_.append(std::move(nodes)) : queue.stored_.prepend(std::move(nodes));
  if (took_one) queue.count_taken();
  queue.holders_.wake_all();  // whoever finds none left does not hold them: all must look
}

bool QueueCore::hand_over(QueueNode& node) noexcept {
  auto* const getter = static_cast<Getter*>(waiters_.oldest());
  if (getter == nullptr) return false;
  getter->node = &node;
  return waiters_.choose_one();
}

bool QueueCore::enter(QueueNode& node) noexcept {
  if (hand_over(node)) {
    ++unfinished_;
    return true;
  }
  if (count_ >= limit_) return false;
  store(node);
  return true;
}

void QueueCore::store(QueueNode& node) noexcept {
  order_ == Order::last_in ? stored_.push_front(node) : stored_.push_back(node);
  node.number = ++last_number_;
  ++count_;
  ++unfinished_;
  tell_of_item();
}

void QueueCore::tell_of_item() noexcept {
  waiters_.tell_observers();
  peekers_.wake_all();
}

QueueNode* QueueCore::take_from_putter() noexcept {
  auto* const putter = static_cast<Putter*>(putters_.oldest());
  if (putter == nullptr) return nullptr;
  putters_.choose_one();
  return std::exchange(putter->node, nullptr);
}

void QueueCore::count_taken() noexcept {
  --count_;
  let_in();
}

void QueueCore::let_in() noexcept {
  while (count_ < limit_) {
    QueueNode* const node = take_from_putter();
    if (node == nullptr) return;
    store(*node);
  }
}

void QueueCore::put_at_once(QueueNode& node) noexcept { store(node); }

NodeList QueueCore::shut_down(bool immediate) {
  NodeList dropped;
  WaitList::Guard guard(waiters_);
  if (immediate) wait_while_held(guard);
  shut_down_ = true;
  waiters_.wake_all();
  putters_.wake_all();
  peekers_.wake_all();
  if (immediate) {
    dropped.append(std::move(stored_));
    finish(std::exchange(count_, 0));
  }
  return dropped;
}

void QueueCore::finish(std::size_t count) noexcept {
  unfinished_ -= std::min(unfinished_, count);
  if (unfinished_ != 0) return;
  ++times_finished_;
  joiners_.wake_all();
}

void QueueCore::finish_one() {
  {
    const WaitList::Guard guard(waiters_);
    if (unfinished_ > 0) return finish(1);
  }
  throw std::logic_error("task_done() called more often than items were put");
}

bool QueueCore::join(Deadline deadline) {
  WaitList::Guard guard(waiters_);
  const std::uint64_t before = times_finished_;
  const auto is_over = [&] { return unfinished_ == 0 || times_finished_ != before; };
  return joiners_.wait_until(guard, is_over, "Queue::join", deadline);
}

bool QueueCore::is_ready() const noexcept { return count_ > 0 || shut_down_ || !putters_.empty(); }

std::size_t QueueCore::count() const {
  const WaitList::Guard guard(waiters_);
  return count_;
}

bool QueueCore::is_full() const {
  const WaitList::Guard guard(waiters_);
  return count_ >= limit_;
}

std::size_t QueueCore::limit() const {
  const WaitList::Guard guard(waiters_);
  return limit_;
}

void QueueCore::set_limit(std::size_t limit) {
  const WaitList::Guard guard(waiters_);
  limit_ = limit;
  let_in();
}

std::ptrdiff_t QueueCore::balance() const {
  const WaitList::Guard guard(waiters_);
  return static_cast<std::ptrdiff_t>(putters_.count()) - static_cast<std::ptrdiff_t>(waiters_.count());
}

std::size_t QueueCore::unfinished() const {
  const WaitList::Guard guard(waiters_);
  return unfinished_;
}

bool QueueCore::is_shut_down() const {
  const WaitList::Guard guard(waiters_);
  return shut_down_;
}

void QueueCore::throw_unless_done(Result result) {
  if (result == Result::late) throw Empty();
  if (result == Result::shut_down) throw ShutDown();
}

QueueNode* QueueCore::get_or_throw(Deadline deadline) {
  QueueNode* node = nullptr;
  throw_unless_done(get(node, deadline));
  return node;
}

void QueueCore::put_or_throw(QueueNode*& node, Deadline deadline) {
  const Result result = put(node, deadline);
  if (result == Result::late) throw Full();
  if (result == Result::shut_down) throw ShutDown();
}

}  // namespace evergreen::detail
